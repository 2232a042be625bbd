//! `grant explain`: keeperd's own judgement on an ask that nobody makes, and the line it rests on.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::FailureClass;
use proto::name::{Consumer, Delivery, Host, Method, Purpose};
use proto::policy::{Explanation, GrantField, Nearest, Question};
use serde::Serialize;

use crate::ending::{Halt, Outcome};
use crate::keeper;
use crate::render::{self, Form, JsonOption};
use crate::secret::{bad_name, handle};
use crate::session::Session;

/// Says whether something is allowed, and which line of the grants file says so; 77 if it is not
#[derive(Args)]
#[command(
    after_help = "Example:\n  ugent secret grant explain --consumer ugent-core --secret @openai_api_key \\\n    \
                  --purpose llm.chat --host api.openai.com --delivery http_header_inject"
)]
pub(crate) struct Explain {
    /// Who asks, as in ugent-core
    #[arg(long, value_name = "C")]
    consumer: String,
    /// For which secret
    #[arg(long, value_name = "@NAME")]
    secret: String,
    /// What for, as in llm.chat
    #[arg(long, value_name = "P")]
    purpose: String,
    /// Where to; the provider's host if it is left out
    #[arg(long, value_name = "H")]
    host: Option<String>,
    /// How: native, http_header_inject or env_inject
    #[arg(long, value_name = "D")]
    delivery: String,
    /// By which method, for grants that name methods
    #[arg(long, value_name = "M")]
    method: Option<String>,
    /// To which path behind the provider, for grants that name paths
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    json: JsonOption,
}

/// As `--json` has it.
#[derive(Serialize)]
struct Said {
    allowed: bool,
    path: String,
    line: Option<u32>,
    ttl_secs: Option<u32>,
    approval_secs: Option<u32>,
    reason: Option<&'static str>,
    unmet: Vec<&'static str>,
}

impl Explain {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let question = Question {
            consumer: Consumer::parse(&self.consumer).map_err(bad_name)?,
            secret: handle(&self.secret)?,
            purpose: Purpose::parse(&self.purpose).map_err(bad_name)?,
            host: self.host.as_deref().map(Host::parse).transpose().map_err(bad_name)?,
            delivery: Delivery::parse(&self.delivery).map_err(bad_name)?,
            method: self.method.as_deref().map(Method::parse).transpose().map_err(bad_name)?,
            path: self.path.clone(),
        };
        let mut keeper = keeper::reach(session, keeper::Purpose::Use)?;
        let CliAnswer::Explained(explanation) = keeper.ask(&CliRequest::Explain(question), None)?.answer
        else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let path = session.home.grants().display().to_string();
        let said = said(&explanation, &path);
        let mut out = stdout().lock();
        match self.json.form() {
            Form::Json => render::json(&mut out, &said)?,
            Form::Table | Form::Plain => writeln!(out, "{}", sentence(&explanation, &path))?,
        }
        out.flush()?;
        if said.allowed { Ok(()) } else { Err(Halt::Said(FailureClass::Refused.exit_code())) }
    }
}

fn said(explanation: &Explanation, path: &str) -> Said {
    match explanation {
        Explanation::Allowed { line, ttl_secs, approval_secs } => Said {
            allowed: true,
            path: path.to_owned(),
            line: Some(*line),
            ttl_secs: Some(*ttl_secs),
            approval_secs: *approval_secs,
            reason: None,
            unmet: Vec::new(),
        },
        Explanation::Refused { reason, nearest } => Said {
            allowed: false,
            path: path.to_owned(),
            line: nearest.as_ref().map(|nearest| nearest.line),
            ttl_secs: None,
            approval_secs: None,
            reason: Some(reason.as_str()),
            unmet: nearest.iter().flat_map(|nearest| &nearest.fields).map(|field| field.as_str()).collect(),
        },
    }
}

fn sentence(explanation: &Explanation, path: &str) -> String {
    match explanation {
        Explanation::Allowed { line, ttl_secs, approval_secs: None } => {
            format!("allowed by {path}:{line}, for leases of {ttl_secs} seconds")
        }
        Explanation::Allowed { line, ttl_secs, approval_secs: Some(wait) } => {
            format!(
                "allowed by {path}:{line}, for leases of {ttl_secs} seconds, each once somebody approves it \
                 within {wait} seconds"
            )
        }
        Explanation::Refused { reason, nearest: None } => format!("refused: {reason}; {path} grants nothing"),
        Explanation::Refused { reason, nearest: Some(Nearest { line, fields }) } => match fields.as_slice() {
            [] => {
                format!("refused: {reason}; the grant at {path}:{line} matches, but not its secret as it is")
            }
            [field] => {
                format!(
                    "refused: {reason}; the nearest grant is {path}:{line}, but for its {field}{}",
                    more(*field)
                )
            }
            several => {
                let names: Vec<_> = several.iter().map(|field| field.as_str()).collect();
                format!(
                    "refused: {reason}; the nearest grant is {path}:{line}, but for its {}",
                    names.join(", ")
                )
            }
        },
    }
}

/// What one may have forgotten to say.
const fn more(field: GrantField) -> &'static str {
    match field {
        GrantField::Methods => " (say which is meant: --method POST)",
        GrantField::Paths => " (say which is meant: --path /v1/chat/completions)",
        GrantField::SecretRef
        | GrantField::Consumer
        | GrantField::Purposes
        | GrantField::Delivery
        | GrantField::AllowedHosts
        | GrantField::NotAfter => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::journal::Reason;

    #[test]
    fn an_explanation_names_the_line_and_the_one_element() {
        let refused = |fields| Explanation::Refused {
            reason: Reason::HostNotGranted,
            nearest: Some(Nearest { line: 7, fields }),
        };
        let told = sentence(&refused(vec![GrantField::AllowedHosts]), "/h/g.toml");
        assert_eq!(
            told,
            "refused: host_not_granted; the nearest grant is /h/g.toml:7, but for its allowed_hosts"
        );
        assert!(sentence(&refused(vec![]), "/h/g.toml").contains("/h/g.toml:7"));
        let allowed = Explanation::Allowed { line: 3, ttl_secs: 300, approval_secs: None };
        assert_eq!(sentence(&allowed, "/h/g.toml"), "allowed by /h/g.toml:3, for leases of 300 seconds");
        let asks = Explanation::Allowed { line: 3, ttl_secs: 300, approval_secs: Some(60) };
        assert!(sentence(&asks, "/h/g.toml").ends_with("approves it within 60 seconds"));
    }
}
