//! Signals that end the broker, read between other events instead of interrupting them.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use proto::failure::{Failure, FailureClass};

/// SIGTERM, SIGINT and SIGHUP, held back. Children inherit the mask, and that is meant: a service
/// manager or a shutdown signals every process of the broker at once, and only the launcher may
/// decide in which order they end. A child ends by its control lane, or by SIGKILL.
pub(super) struct Signals(SignalFd);

impl Signals {
    /// From now on they show here only.
    pub(super) fn hold_back() -> Result<Self, Failure> {
        let ending: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ending), None)
            .and_then(|()| SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
            .map(Self)
            .map_err(|error| {
                Failure::new(FailureClass::Io, format!("signals could not be held back: {error}"), "")
            })
    }

    /// How many came since the last look.
    pub(super) fn count(&self) -> usize {
        std::iter::from_fn(|| self.0.read_signal().ok().flatten()).count()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
