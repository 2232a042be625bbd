//! `ugent secret lock`: the running broker forgets its keys and ends all leases.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};

use crate::ending::Outcome;
use crate::keeper;
use crate::session::Session;

/// Wipes the keys of the running broker and ends all leases
///
/// Nothing new is served. A request or stream in flight goes on, and keeps its value in locked
/// memory of egressd until its response ends; `ugent secret broker stop`, twice, cuts them off.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret lock")]
pub(crate) struct Lock {}

impl Lock {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        let CliAnswer::Locked = keeper.ask(&CliRequest::Lock, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        writeln!(stdout(), "locked")?;
        Ok(())
    }
}
