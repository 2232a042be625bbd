//! `broker stop`: asks the broker to end, and waits until it has.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};

use super::gone::wait_until_gone;
use super::standing::standing;
use crate::ending::Outcome;
use crate::keeper::{self, Keeper};
use crate::launch::holder;
use crate::session::Session;

const WAITING: &str = "waiting for requests in flight; a second `broker stop` ends them at once";

/// Ends the broker, after the requests in flight
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret broker stop")]
pub(crate) struct Stop {}

impl Stop {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let before = holder(&session.home);
        let Some(mut keeper) = keeper::reach_broker(session)? else {
            // Another `stop` may have been first.
            return before.map_or_else(|| Err(keeper::not_running().into()), has_ended);
        };
        let pid = match standing(&mut keeper) {
            Ok((launcher, _)) => launcher.pid,
            // It is ending, or about to start: all that is needed of it is who it is.
            Err(failure) => before.ok_or(failure)?,
        };
        // Held before it is told, so that its number cannot have become another's.
        let process = unix::passed::process(pid);
        match tell(&mut keeper) {
            Ok(()) => {}
            Err(failure) if is_ending(&failure) => {}
            Err(failure) => return Err(failure.into()),
        }
        drop(keeper);
        if let Ok(process) = process {
            wait_until_gone(&process, pid, WAITING)?;
        }
        has_ended(pid)
    }
}

fn tell(keeper: &mut Keeper) -> Result<(), Failure> {
    let CliAnswer::Stopping = keeper.ask(&CliRequest::BrokerStop, None)?.answer else {
        return Err(keeper::unexpected());
    };
    Ok(())
}

/// Whether the lane broke: somebody else has ended the broker, and its process shows when.
fn is_ending(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::Unreachable | FailureClass::Io)
}

fn has_ended(pid: u32) -> Outcome {
    writeln!(stdout(), "the broker has ended (pid {pid})")?;
    Ok(())
}
