//! `ugent secret deny`: refuses a use that waits for a person.

use std::io::stdout;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};

use super::approve::{broker, done, one};
use crate::ending::Outcome;
use crate::keeper;
use crate::render::JsonOption;
use crate::session::Session;

/// Refuses a use that waits for somebody to approve it
///
/// The requests that wait for it are answered 403 at once; the next one asks again. To refuse them
/// too, take out the grant.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret deny 01f0e9a3c5d7b862\n  ugent secret deny 01f0")]
pub(crate) struct Deny {
    /// Which, by its id as `ugent secret approve` shows it, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    json: JsonOption,
}

impl Deny {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = broker(session)?;
        let found = one(&mut keeper, &self.id)?;
        let CliAnswer::Denied(meta) = keeper.ask(&CliRequest::Deny { id: found.id }, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        done(&mut stdout().lock(), self.json, &meta, "denied")?;
        Ok(())
    }
}
