//! Words from the workers to the main thread, which alone speaks on the control lane.
//!
//! Log lines are dropped when too many wait; a request must never wait for a log. What may be in a
//! line is decided where it is made: names, paths, errno texts; never a value, token, body, header.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};

use proto::control_lane::LogLevel;

/// How a worker came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerEnd {
    /// It was told to drain, and has.
    Drained,
    /// Its lease lane is gone.
    KeeperLost,
    /// Its runtime could not be had.
    Unable,
}

/// A worker's way to the main thread.
#[derive(Clone)]
pub(crate) struct Log {
    level: LogLevel,
    lines: SyncSender<(LogLevel, String)>,
    ends: Sender<WorkerEnd>,
    bell: Arc<UnixStream>,
}

impl Log {
    /// Writes up to `level`; `bell` is nonblocking, and a byte on it wakes the main thread.
    pub(crate) fn new(
        level: LogLevel,
        lines: SyncSender<(LogLevel, String)>,
        ends: Sender<WorkerEnd>,
        bell: UnixStream,
    ) -> Self {
        Self { level, lines, ends, bell: Arc::new(bell) }
    }

    /// Logs a line if the level is in force. `text` is only made then.
    pub(crate) fn line(&self, level: LogLevel, text: impl FnOnce() -> String) {
        if level <= self.level && self.lines.try_send((level, text())).is_ok() {
            self.ring();
        }
    }

    /// Says how the worker ended. Never dropped.
    pub(crate) fn end(&self, end: WorkerEnd) {
        let _ = self.ends.send(end);
        self.ring();
    }

    fn ring(&self) {
        // A full pipe is as good as a byte in it.
        let _ = (&*self.bell).write(&[1]);
    }
}
