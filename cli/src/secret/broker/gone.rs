//! Waiting for a broker's process to be gone.

use std::io::{Write, stderr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::failure::{Failure, FailureClass};

/// Longer than the launcher gives requests in flight.
const ENDING: Duration = Duration::from_secs(40);
/// After that long whoever waits is told what for.
const SILENCE: Duration = Duration::from_secs(1);

/// Waits until that process is gone; says `why` on stderr when it takes a moment.
pub(super) fn wait_until_gone(process: &impl AsFd, pid: u32, why: &str) -> Result<(), Failure> {
    if is_gone_within(process, SILENCE) {
        return Ok(());
    }
    let _ = writeln!(stderr(), "{why}");
    if is_gone_within(process, ENDING) {
        return Ok(());
    }
    let what = format!("the broker (pid {pid}) still runs after {} seconds", ENDING.as_secs());
    Err(Failure::new(FailureClass::TryAgain, what, format!("kill {pid}")))
}

fn is_gone_within(process: &impl AsFd, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], wait) {
            Ok(1..) => return true,
            // A signal, or a wait that was cut to what poll can take.
            Ok(_) | Err(_) if left.is_zero() => return false,
            Ok(_) | Err(_) => {}
        }
    }
}
