//! A child process whose end and output can be waited for.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::until::DEADLINE;

/// How a process ended and what it said.
#[derive(Clone)]
pub struct Outcome {
    /// Its exit code, if it was not killed.
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Outcome {
    /// Demands exit code 0.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    /// Demands that exit code.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "exit code {code} was due, not {:?} (signal {:?})\nstdout: {}\nstderr: {}",
            self.code,
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Demands that exit code, an `error:` line that has each of `names` in it, and a `hint:` line.
    ///
    /// # Panics
    /// If it was told otherwise.
    #[track_caller]
    pub fn refused(self, code: i32, names: &[&str]) {
        let told = self.ended_with(code);
        let error = told.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(!error.is_empty(), "no `error:` line in: {}", told.stderr);
        assert!(told.stderr.lines().any(|line| line.starts_with("hint: ")), "no `hint:` in: {}", told.stderr);
        for name in names {
            assert!(error.contains(name), "the error does not name {name}: {}", told.stderr);
        }
    }
}

/// What a process wrote so far.
#[derive(Default)]
struct Captured {
    text: Mutex<(Vec<u8>, End)>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Closed,
}

impl Captured {
    fn of(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let captured = Arc::new(Self::default());
        let here = Arc::clone(&captured);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = source.read(&mut bytes).unwrap_or_default();
                let mut text = here.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.0.extend_from_slice(bytes.get(..read).unwrap_or_default());
                if read == 0 {
                    text.1 = End::Closed;
                }
                here.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        captured
    }

    /// All of it so far.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner).0).into_owned()
    }

    /// Waits for the end of it.
    ///
    /// # Panics
    /// If somebody keeps it open.
    fn whole(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let (text, _) = self
            .changed
            .wait_timeout_while(text, DEADLINE, |(_, end)| *end == End::Open)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(text.1 == End::Closed, "a process that outlives its parent keeps its output open");
        String::from_utf8_lossy(&text.0).into_owned()
    }
}

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
