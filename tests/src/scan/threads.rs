//! Stopping another process's threads, and letting them go on.

use std::fs;
use std::io;

use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Threads that stand still, all of their process, for as long as this lives.
pub(super) struct Stopped {
    pub(super) threads: Vec<Pid>,
}

impl Stopped {
    /// Stops all threads of a process.
    pub(super) fn all_of(pid: i32) -> io::Result<Self> {
        let mut stopped = Self { threads: Vec::new() };
        loop {
            let new: Vec<Pid> =
                tasks(pid)?.into_iter().filter(|thread| !stopped.threads.contains(thread)).collect();
            if new.is_empty() {
                return Ok(stopped);
            }
            for thread in new {
                ptrace::seize(thread, Options::empty())?;
                stopped.threads.push(thread);
                ptrace::interrupt(thread)?;
                wait(thread)?;
            }
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for thread in &self.threads {
            // One that was killed meanwhile is gone without our help.
            let _ = ptrace::detach(*thread, None);
        }
    }
}

fn tasks(pid: i32) -> io::Result<Vec<Pid>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .collect())
}

fn wait(thread: Pid) -> io::Result<()> {
    match waitpid(thread, Some(WaitPidFlag::__WALL))? {
        WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..) => Ok(()),
        other @ (WaitStatus::Exited(..)
        | WaitStatus::Signaled(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive) => {
            Err(io::Error::other(format!("thread {thread} did not stop: {other:?}")))
        }
    }
}
