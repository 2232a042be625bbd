//! Holding one thread of another process still, so that a test sees what waits for it.

use std::fs;

use nix::unistd::Pid;

use super::threads::Stopped;

/// A thread that stands still for as long as this lives. To be dropped by the thread that made it.
pub struct HeldThread {
    _stopped: Stopped,
}

impl HeldThread {
    /// Stops the thread of that name.
    ///
    /// # Panics
    /// If there is none, or it cannot be stopped: only root may.
    #[must_use]
    #[track_caller]
    pub fn named(pid: Pid, name: &str) -> Self {
        let is_it = |thread: &Pid| {
            let comm = fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        };
        Self { _stopped: Stopped::those_of(pid.as_raw(), is_it).expect("it can be stopped") }
    }
}
