//! `broker stop`: asks the broker to end, and waits until it has.

use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};

use super::standing::standing;
use crate::ending::Outcome;
use crate::keeper;
use crate::session::Session;

/// Longer than the launcher gives requests in flight.
const ENDING: Duration = Duration::from_secs(40);

/// Ends the broker, after the requests in flight
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret broker stop")]
pub(crate) struct Stop {}

impl Stop {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        let (launcher, _) = standing(&mut keeper)?;
        // Held before it is told, so that its number cannot have become another's.
        let process = unix::passed::process(launcher.pid);
        let CliAnswer::Stopping = keeper.ask(&CliRequest::BrokerStop, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        drop(keeper);
        if let Ok(process) = process {
            wait_for_end(&process, launcher.pid)?;
        }
        writeln!(stdout(), "the broker has ended (pid {})", launcher.pid)?;
        Ok(())
    }
}

fn wait_for_end(process: &impl AsFd, pid: u32) -> Result<(), Failure> {
    let deadline = Instant::now() + ENDING;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let what = format!("the broker (pid {pid}) still runs after {} seconds", ENDING.as_secs());
            return Err(Failure::new(FailureClass::TryAgain, what, format!("kill {pid}")));
        }
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if let Ok(1..) = poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], wait) {
            return Ok(());
        }
    }
}
