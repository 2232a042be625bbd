//! `config check`: where each credential of a configuration would come from. Shows places and sorts, and
//! never what stands there.

use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::{Consumer, Delivery, Handle, Purpose};
use proto::policy::{Explanation, Question};

use crate::ending::Outcome;
use crate::hazmat::config::{Finding, Section, Source, look_through};
use crate::keeper::{self, Keeper};
use crate::secret::bad_name;
use crate::session::Session;

/// Says where each credential in a configuration file would come from; 65 if one stands in it
///
/// TOML, YAML, JSON and .env files are looked through line by line: for keys that name a credential,
/// credentials in URLs and behind options, and texts that begin as a provider's keys do. No value is shown.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret config check ~/.ugent/config.toml")]
pub(crate) struct Check {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Check {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let path = self.file.display();
        let found = look_through(&self.file).map_err(|error| {
            let what = format!("{path} could not be looked through: {error}");
            Failure::new(FailureClass::BadInput, what, "name a file that can be read")
        })?;
        let has_references = found.iter().any(|finding| matches!(finding.source, Source::Reference(_)));
        // Without one nobody has to be asked.
        let mut keeper =
            if has_references { Some(keeper::reach(session, keeper::Purpose::Use)?) } else { None };
        let mut out = stdout().lock();
        let mut wrong = 0_usize;
        for finding in &found {
            let (said, is_wrong) = said(finding, keeper.as_mut())?;
            wrong += usize::from(is_wrong == Is::Wrong);
            writeln!(out, "{path}:{}: {}{said}", finding.line, place(finding))?;
        }
        if let Some(keeper) = keeper {
            keeper.end()?;
        }
        out.flush()?;
        if wrong == 0 {
            return Ok(());
        }
        let what =
            format!("{path} has {wrong} credentials that no program should take from it, or cannot have");
        let hint = "ugent secret add @NAME --stdin; then api_key_ref = \"@NAME\", or VAR=@NAME with exec";
        Err(Failure::new(FailureClass::BadInput, what, hint).into())
    }
}

/// Whether something has to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Right,
    Wrong,
}

fn said(finding: &Finding, keeper: Option<&mut Keeper>) -> Result<(String, Is), Failure> {
    Ok(match (&finding.source, keeper) {
        (Source::Plain(sort), _) => (format!("plain text, {sort}"), Is::Wrong),
        (Source::BadReference, _) => ("a reference that is no @NAME".to_owned(), Is::Wrong),
        (Source::Variable, _) => ("from the environment".to_owned(), Is::Right),
        (Source::Reference(handle), None) => (format!("from the vault, {handle}"), Is::Right),
        (Source::Reference(handle), Some(keeper)) => reference(finding, handle, keeper)?,
    })
}

fn reference(finding: &Finding, handle: &Handle, keeper: &mut Keeper) -> Result<(String, Is), Failure> {
    match keeper.ask(&CliRequest::Inspect { handle: handle.clone() }, None) {
        Ok(_) => {}
        Err(failure) if failure.class == FailureClass::BadInput => {
            return Ok((format!("from the vault, where there is no {handle}"), Is::Wrong));
        }
        Err(failure) => return Err(failure),
    }
    let (consumer, purpose, delivery) = asker(&finding.section)?;
    let question = Question {
        consumer: consumer.clone(),
        secret: handle.clone(),
        purpose: purpose.clone(),
        host: None,
        delivery,
        method: None,
        path: None,
    };
    let CliAnswer::Explained(explanation) = keeper.ask(&CliRequest::Explain(question), None)?.answer else {
        return Err(keeper::unexpected());
    };
    let granted = match explanation {
        Explanation::Allowed { line, .. } => format!("granted to {consumer} by line {line} of the grants"),
        Explanation::Refused { reason, .. } => {
            format!("not granted to {consumer} for {purpose} by {delivery} ({reason})")
        }
    };
    Ok((format!("from the vault, {handle}; {granted}"), Is::Right))
}

/// Who would ask for it, what for, and how, as far as the file tells.
fn asker(section: &Section) -> Result<(Consumer, Purpose, Delivery), Failure> {
    let purpose = |text| Purpose::parse(text).map_err(bad_name);
    Ok(match section {
        Section::Instance(_) => (Consumer::ugent_core(), purpose("llm.chat")?, Delivery::Native),
        Section::Plugin(id) => {
            let plugin = id.as_ref().and_then(|id| Consumer::parse(&format!("plugin:{id}")).ok());
            (plugin.unwrap_or_else(Consumer::cli), purpose("plugin.env")?, Delivery::EnvInject)
        }
        Section::Other => (Consumer::cli(), purpose("process.env")?, Delivery::EnvInject),
    })
}

fn place(finding: &Finding) -> String {
    let key = finding.key.as_deref().map(|key| format!("{key}: ")).unwrap_or_default();
    match &finding.section {
        Section::Instance(name) => format!("llm.instances.{name}: {key}"),
        Section::Plugin(Some(id)) => format!("plugin {id}: {key}"),
        Section::Plugin(None) | Section::Other => key,
    }
}
