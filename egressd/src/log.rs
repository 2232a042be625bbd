//! Words from the workers to the main thread, which alone speaks on the control lane.
//!
//! Log lines are dropped when too many wait; a request must never wait for a log. What may be in a
//! line is decided where it is made: names, paths, errno texts; never a value, token, body, header.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Instant;

use proto::control_lane::LogLevel;

/// Most lines in one second that only tell of what went well or was refused: more than the launcher
/// writes, so that it is the one to say that some were left out.
const LINES: u64 = 256;

/// How a worker came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerEnd {
    /// It was told to drain, and has.
    Drained,
    /// Its lease lane is gone.
    KeeperLost,
}

/// What waits for the main thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// No line.
    Nothing,
    /// Lines that may wait for others, so that a request does not wake two processes for one.
    Lines,
    /// Some that a person should see.
    Trouble,
}

/// A worker's way to the main thread.
#[derive(Clone)]
pub(crate) struct Log {
    level: LogLevel,
    shared: Arc<Shared>,
}

struct Shared {
    lines: SyncSender<(LogLevel, String)>,
    ends: Sender<WorkerEnd>,
    bell: UnixStream,
    /// A [`Waiting`].
    waiting: AtomicU8,
    began: Instant,
    /// The second since `began`, and how many lines were made in it.
    made: AtomicU64,
}

impl Log {
    /// Writes up to `level`; `bell` is nonblocking, and a byte on it wakes the main thread.
    pub(crate) fn new(
        level: LogLevel,
        lines: SyncSender<(LogLevel, String)>,
        ends: Sender<WorkerEnd>,
        bell: UnixStream,
    ) -> Self {
        let (waiting, began, made) = (AtomicU8::new(0), Instant::now(), AtomicU64::new(0));
        Self { level, shared: Arc::new(Shared { lines, ends, bell, waiting, began, made }) }
    }

    /// Logs a line if the level is in force. `text` is only made then.
    pub(crate) fn line(&self, level: LogLevel, text: impl FnOnce() -> String) {
        let shared = &self.shared;
        if level > self.level || (!is_trouble(level) && !shared.has_room()) {
            return;
        }
        if shared.lines.try_send((level, text())).is_err() {
            return;
        }
        if is_trouble(level) {
            shared.waiting.store(Waiting::Trouble as u8, Ordering::SeqCst);
            shared.ring();
        } else if shared.waiting.fetch_max(Waiting::Lines as u8, Ordering::SeqCst) == 0 {
            shared.ring();
        }
    }

    /// Says how the worker ended. Never dropped.
    pub(crate) fn end(&self, end: WorkerEnd) {
        let _ = self.shared.ends.send(end);
        self.shared.ring();
    }

    /// For the main thread: what waits.
    pub(crate) fn waiting(&self) -> Waiting {
        match self.shared.waiting.load(Ordering::SeqCst) {
            0 => Waiting::Nothing,
            1 => Waiting::Lines,
            2.. => Waiting::Trouble,
        }
    }

    /// For the main thread, before it takes the lines: the next one rings again.
    pub(crate) fn heard(&self) {
        self.shared.waiting.store(Waiting::Nothing as u8, Ordering::SeqCst);
    }
}

impl Shared {
    fn has_room(&self) -> bool {
        let second = self.began.elapsed().as_secs() << 32;
        let counted = |made: u64| if made < second { second + 1 } else { made + 1 };
        let before = self.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| Some(counted(made)));
        before.map_or(0, counted) & u64::from(u32::MAX) <= LINES
    }

    fn ring(&self) {
        // A full pipe is as good as a byte in it.
        let _ = (&self.bell).write(&[1]);
    }
}

const fn is_trouble(level: LogLevel) -> bool {
    match level {
        LogLevel::Error | LogLevel::Warn => true,
        LogLevel::Info | LogLevel::Debug | LogLevel::Trace => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc::{Receiver, channel, sync_channel};

    use super::*;

    fn log() -> (Log, Receiver<(LogLevel, String)>, UnixStream) {
        let (bell, ringer) = UnixStream::pair().unwrap();
        bell.set_nonblocking(true).unwrap();
        let (lines, taken) = sync_channel(1000);
        (Log::new(LogLevel::Info, lines, channel().0, ringer), taken, bell)
    }

    fn rings(bell: &mut UnixStream) -> usize {
        bell.read(&mut [0; 64]).unwrap_or(0)
    }

    #[test]
    fn many_lines_ring_once_and_trouble_rings_through() {
        let (log, _taken, mut bell) = log();
        for _ in 0..10 {
            log.line(LogLevel::Info, String::new);
        }
        assert_eq!((log.waiting(), rings(&mut bell)), (Waiting::Lines, 1));
        log.line(LogLevel::Warn, String::new);
        log.line(LogLevel::Info, String::new);
        assert_eq!((log.waiting(), rings(&mut bell)), (Waiting::Trouble, 1));
        log.heard();
        log.line(LogLevel::Info, String::new);
        assert_eq!((log.waiting(), rings(&mut bell)), (Waiting::Lines, 1));
    }

    #[test]
    fn lines_have_a_limit_a_second_and_trouble_has_none() {
        let (log, taken, _bell) = log();
        for _ in 0..400 {
            log.line(LogLevel::Info, String::new);
        }
        // A second may have ended meanwhile.
        assert!((256..=2 * 256).contains(&taken.try_iter().count()));
        log.line(LogLevel::Error, String::new);
        assert_eq!(taken.try_iter().count(), 1);
    }
}
