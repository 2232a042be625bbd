//! `ugent secret rollback`: the version before, in the place of the current one.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};

use super::handle;
use super::unlock::{Expected, unlocked_keeper};
use crate::ending::Outcome;
use crate::keeper;
use crate::session::Session;

/// Goes back to the version that `rotate --keep` has kept
///
/// The version it had keeps its number. The current one goes for good, its leases end at once, and its
/// number is not used again: the next rotation has a higher one.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret rollback @openai_api_key")]
pub(crate) struct Rollback {
    /// Whose, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
}

impl Rollback {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let handle = handle(&self.name)?;
        let mut keeper = unlocked_keeper(session, Expected::Known(&handle))?;
        let answered = keeper.ask(&CliRequest::Rollback { handle }, None)?;
        keeper.end()?;
        let CliAnswer::RolledBack(meta) = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        let version = meta.versions.last().ok_or_else(keeper::unexpected)?;
        writeln!(
            stdout(),
            "{} is back at version {}, fingerprint {}; the later one is gone",
            meta.handle,
            version.version,
            version.fingerprint
        )?;
        Ok(())
    }
}
