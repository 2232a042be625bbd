//! `ugent secret add`: a value under a new name.

use std::io::Write;

use clap::Args;
use proto::cli_lane::CliRequest;
use proto::name::{Handle, Kind, ProviderId};

use super::expires::Expires;
use super::meta_view::deposited;
use super::unlock::{Expected, unlocked_keeper};
use super::value::FromStdin;
use super::{bad_name, handle};
use crate::ending::Outcome;
use crate::hazmat::injectable::Injectable;
use crate::home::Home;
use crate::session::Session;
use crate::system::Mode;

/// Deposits a value read from stdin under a new name
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret add @openai_api_key --provider openai --kind api_key --stdin < key.txt\n  \
                  ugent secret add @ci_token --kind token --expires 2030-12-31 --stdin < token.txt"
)]
pub(crate) struct Add {
    /// Its name, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
    /// The provider it belongs to, and the only one it may be sent to
    #[arg(long, default_value = "generic", value_name = "PROVIDER")]
    provider: String,
    /// What it is: api_key, token, password or other
    #[arg(long, default_value = "api_key", value_name = "KIND")]
    kind: String,
    #[command(flatten)]
    expires: Expires,
    #[command(flatten)]
    value: FromStdin,
}

impl Add {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let handle = handle(&self.name)?;
        let provider = ProviderId::parse(&self.provider).map_err(bad_name)?;
        let kind = Kind::parse(&self.kind).map_err(bad_name)?;
        let expires = self.expires.read()?;
        self.value.check(session)?;
        let value = self.value.read(&handle)?;
        let injectable = Injectable::of(&value);
        let mut keeper = unlocked_keeper(session, Expected::New(&handle))?;
        let request = CliRequest::Add { handle: handle.clone(), provider: provider.clone(), kind, expires };
        let answered = keeper.ask(&request, Some(value))?;
        keeper.end()?;
        let mut out = std::io::stdout().lock();
        deposited(&mut out, answered.answer, injectable)?;
        if session.home.grants().symlink_metadata().is_ok() {
            writeln!(out, "next: {}", session.home.command(&format!("inspect {handle}")))?;
        } else {
            let (path, access) = (session.home.grants(), session.home.policy_access());
            writeln!(out, "next: grant its use, in {} ({access}):", path.display())?;
            writeln!(out, "{}", grant(&session.home, &handle, &provider))?;
        }
        Ok(())
    }
}

/// A consumer for a broker of the machine, where nobody is one unless somebody says so.
const EXAMPLE: &str = "my-service";

fn who_is_it(home: &Home) -> String {
    format!(
        "\n# {EXAMPLE}: a name of your choice. A uid has it by consumers = {{ UID = \"{EXAMPLE}\" }} in\n\
         # {}, a token by: {}",
        home.settings().display(),
        home.command(&format!("token issue --consumer {EXAMPLE}"))
    )
}

/// A grant to start from. Only the built-in providers have hosts that are known here.
fn grant(home: &Home, handle: &Handle, provider: &ProviderId) -> String {
    let known = match provider.as_str() {
        "openai" => Some(("\"llm.chat\", \"llm.embeddings\"", "api.openai.com")),
        "google" => Some(("\"llm.chat\"", "generativelanguage.googleapis.com")),
        "jina" => Some(("\"llm.embeddings\", \"llm.rerank\"", "api.jina.ai")),
        "voyage" => Some(("\"llm.embeddings\", \"llm.rerank\"", "api.voyageai.com")),
        "anthropic" => Some(("\"llm.chat\"", "api.anthropic.com")),
        "mistral" => Some(("\"llm.chat\", \"llm.embeddings\"", "api.mistral.ai")),
        "cohere" => Some(("\"llm.chat\", \"llm.embeddings\", \"llm.rerank\"", "api.cohere.com")),
        "groq" => Some(("\"llm.chat\"", "api.groq.com")),
        "openrouter" => Some(("\"llm.chat\"", "openrouter.ai")),
        "deepseek" => Some(("\"llm.chat\"", "api.deepseek.com")),
        "dashscope" => Some(("\"llm.chat\", \"llm.embeddings\"", "dashscope.aliyuncs.com")),
        "together" => Some(("\"llm.chat\", \"llm.embeddings\"", "api.together.xyz")),
        "xai" => Some(("\"llm.chat\"", "api.x.ai")),
        "fireworks" => Some(("\"llm.chat\"", "api.fireworks.ai")),
        "perplexity" => Some(("\"llm.chat\"", "api.perplexity.ai")),
        _ => None,
    };
    let name = handle.as_str();
    let (consumer, note) = match home.mode() {
        Mode::OneUser => ("ugent-core", String::new()),
        Mode::System => (EXAMPLE, who_is_it(home)),
    };
    match known {
        Some((purposes, host)) => format!(
            "[[grants]]\nsecret_ref = \"{name}\"\nconsumer = \"{consumer}\"\npurposes = [{purposes}]\n\
             delivery = [\"http_header_inject\"]\nallowed_hosts = [\"{host}\"]\nttl_secs = 300{note}"
        ),
        None => format!(
            "[[grants]]\nsecret_ref = \"{name}\"\nconsumer = \"cli\"\npurposes = [\"process.env\"]\n\
             delivery = [\"env_inject\"]\nttl_secs = 300"
        ),
    }
}
