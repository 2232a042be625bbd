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
        Self::those_of(pid, |_| true)
    }

    /// Stops those threads of a process, of which there must be one.
    pub(super) fn those_of(pid: i32, is_one: impl Fn(&Pid) -> bool) -> io::Result<Self> {
        let mut stopped = Self { threads: Vec::new() };
        loop {
            let is_new = |thread: &Pid| !stopped.threads.contains(thread) && is_one(thread);
            let new: Vec<Pid> = tasks(pid)?.into_iter().filter(is_new).collect();
            if new.is_empty() {
                let none = io::Error::other(format!("process {pid} has no such thread"));
                return if stopped.threads.is_empty() { Err(none) } else { Ok(stopped) };
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

/// Waits for the stop that was asked for. A signal that comes first is passed on, or it would be
/// lost, and with it what the process is told by it; the stop is still due then.
fn wait(thread: Pid) -> io::Result<()> {
    loop {
        match waitpid(thread, Some(WaitPidFlag::__WALL))? {
            WaitStatus::PtraceEvent(..) => return Ok(()),
            WaitStatus::Stopped(_, signal) => ptrace::cont(thread, signal)?,
            other @ (WaitStatus::Exited(..)
            | WaitStatus::Signaled(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive) => {
                return Err(io::Error::other(format!("thread {thread} did not stop: {other:?}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use nix::sys::signal::{Signal, kill};

    use super::*;
    use crate::world::until::until_true;

    #[test]
    fn a_signal_that_comes_while_a_thread_is_stopped_is_not_lost() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap 'exit 7' USR1; echo ready; while :; do :; done"]).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(i32::try_from(shell.id()).unwrap());
        ptrace::seize(pid, Options::empty()).unwrap();
        kill(pid, Signal::SIGUSR1).unwrap();
        until_true("it stands still before it gets the signal", || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('t')
        });
        ptrace::interrupt(pid).unwrap();
        let stopped = wait(pid);
        drop(Stopped { threads: vec![pid] });
        let mut code = None;
        let ends = crate::world::until::seen(crate::world::until::DEADLINE, || {
            code = shell.try_wait().unwrap()?.code();
            Some(())
        });
        let _ = shell.kill();
        assert!(stopped.is_ok() && ends.is_some(), "{stopped:?}");
        assert_eq!(code, Some(7), "its trap has run");
    }
}
