//! A line on the terminal for what takes longer than a second: what it is, and how long it has been
//! at it. Written to stderr, where that is a terminal, and taken away at the end; a pipe or a log
//! gets nothing. Never says more than the words it is made with.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Before the first line, and between two.
const SECOND: Duration = Duration::from_secs(1);

/// Something that takes its time, until it is dropped.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins; `what` is a phrase such as `opening the vault`.
    pub(crate) fn of(what: &'static str) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let (end, ended) = channel();
        // A thread that cannot be had is a line that is not shown.
        let shower = Builder::new().name("progress".to_owned()).spawn(move || show(what, &ended));
        Self(shower.ok().map(|shower| (end, shower)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, shower)) = self.0.take() {
            drop(end);
            let _ = shower.join();
        }
    }
}

fn show(what: &str, ended: &Receiver<()>) {
    let mut width = 0;
    let mut seconds: u32 = 0;
    while ended.recv_timeout(SECOND) == Err(RecvTimeoutError::Timeout) {
        seconds = seconds.saturating_add(1);
        let line = format!("{what} … {seconds} s");
        width = line.chars().count();
        put(&format!("\r{line}"));
    }
    if width > 0 {
        // No escapes: every terminal knows a carriage return.
        put(&format!("\r{:width$}\r", ""));
    }
}

fn put(text: &str) {
    let mut to = stderr().lock();
    // Nobody to see it is no reason to end.
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
