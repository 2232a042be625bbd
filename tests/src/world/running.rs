//! A child process whose end and output can be waited for.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::captured::Captured;
use super::outcome::Outcome;
use super::until::DEADLINE;

/// A child that runs, or has run. Killed when dropped.
pub struct Running {
    pid: Pid,
    stdin: Option<ChildStdin>,
    stdout: Arc<Captured>,
    stderr: Arc<Captured>,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

impl Running {
    /// Starts it, writes all of `input` to its stdin and closes that.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: Command, input: Vec<u8>) -> Self {
        let mut running = Self::open(command);
        if let Some(mut stdin) = running.stdin.take() {
            std::thread::spawn(move || {
                // A child that ends without reading all of it is not wrong for that.
                let _ = stdin.write_all(&input);
            });
        }
        running
    }

    /// Starts it and keeps its stdin open, to be typed into.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn open(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a built binary starts");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        let stdin = child.stdin.take();
        let stdout = Captured::of(child.stdout.take().expect("piped"));
        let stderr = Captured::of(child.stderr.take().expect("piped"));
        Self { pid, stdin, stdout, stderr, ended: reap(child), status: None }
    }

    /// Types a line into a child that was opened.
    pub fn type_line(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            // As above.
            let _ = stdin.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// What it wrote to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// What it wrote to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Sends it a signal, unless it is known to have ended.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Whether it has ended by now, or does so in time.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        if self.status.is_none() {
            self.status = self.ended.recv_timeout(time).ok();
        }
        self.status.is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within a minute.
    #[track_caller]
    pub fn outcome(&mut self) -> Outcome {
        self.stdin = None;
        let started = Instant::now();
        assert!(
            self.ends_within(Duration::from_mins(1)),
            "process {} does not end, {:?} after it was waited for\nstdout: {}\nstderr: {}",
            self.pid,
            started.elapsed(),
            self.stdout(),
            self.stderr()
        );
        let status = self.status.expect("it has ended");
        Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ends_within(Duration::ZERO) {
            self.signal(Signal::SIGKILL);
            self.ends_within(DEADLINE);
        }
    }
}

fn reap(mut child: Child) -> Receiver<ExitStatus> {
    let (to, ended) = channel();
    std::thread::spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = to.send(status);
        }
    });
    ended
}
