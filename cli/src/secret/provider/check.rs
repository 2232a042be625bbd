//! `provider check`: whether keeperd would take the providers file, before it is asked to.

use std::path::PathBuf;

use clap::Args;
use proto::policy::PolicyFile;

use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::render::JsonOption;
use crate::secret::grant::check::{in_use, say, text_of};
use crate::secret::grant::verdict_on;
use crate::session::Session;

/// Checks secrets.providers.toml, or a file that is to become it
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret provider check\n  ugent secret provider check new-providers.toml"
)]
pub(crate) struct Check {
    /// A file to check instead of the one in use
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    json: JsonOption,
}

impl Check {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let verdicts = match &self.file {
            None => {
                let mut both = in_use(session)?;
                both.retain(|(_, file, _)| *file == PolicyFile::Providers);
                both
            }
            Some(path) => {
                let text = text_of(path)?;
                let mut keeper = keeper::reach(session, Purpose::Use)?;
                let verdict = verdict_on(&mut keeper, PolicyFile::Providers, &text)?;
                keeper.end()?;
                vec![(path.display().to_string(), PolicyFile::Providers, verdict)]
            }
        };
        say(self.json.form(), &verdicts)
    }
}
