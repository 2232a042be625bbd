//! Exports of the journal: one process a sink, `ugent secret audit --follow --export SINK`, with a lane
//! to keeperd on which it can ask where segments are, and for nothing else. One that ends is started
//! again; what it has to say goes into the log. None of them can hold up the broker.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child as Process;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::control_lane::{Account, ControlOrder};
use proto::standing::Strictness;

use super::child::Child;
use super::mutter::Mutter;
use super::respawn::Respawn;
use crate::home::Home;
use crate::settings::{Settings, Sink};
use crate::spawn;

/// How long they may take to hand on the last records, once the keeper is gone.
const LAST_RECORDS: Duration = Duration::from_secs(2);

/// All of them.
pub(super) struct Exports {
    exports: Vec<Export>,
    making: Making,
}

/// What there is to start one with.
struct Making {
    cursors: PathBuf,
    account: Option<Account>,
    strictness: Strictness,
}

struct Export {
    sink: Sink,
    running: Option<Running>,
    respawn: Respawn,
    /// What it said last: a sink that is down is not news every few seconds.
    said: Vec<String>,
}

struct Running {
    process: Process,
    gone: OwnedFd,
    mutter: Mutter,
    started: Instant,
}

impl Exports {
    /// None of them runs yet.
    pub(super) fn new(home: &Home, settings: &Settings) -> Self {
        let exports = settings.sinks.iter().map(|sink| Export {
            sink: sink.clone(),
            running: None,
            respawn: Respawn::default(),
            said: Vec::new(),
        });
        let making = Making {
            cursors: home.secrets().join("export"),
            account: home.system().map(|system| system.keeper),
            strictness: settings.strictness,
        };
        Self { exports: exports.collect(), making }
    }

    /// The keeper serves: they are to run from now on.
    pub(super) fn begin(&mut self, now: Instant) {
        for export in &mut self.exports {
            export.respawn.plan(Duration::ZERO, now);
        }
    }

    /// Hears what they say, buries those that are gone and starts those that are due. Returns what is
    /// new for the log.
    pub(super) fn tend(&mut self, keeper: Option<&mut Child>, now: Instant) -> Vec<String> {
        let mut news = Vec::new();
        let Self { exports, making } = self;
        let Some(keeper) = keeper else { return news };
        for export in exports {
            news.extend(export.hear(now));
            if export.respawn.take(now)
                && let Err(what) = export.start(making, keeper)
            {
                news.extend(export.is_news(what));
                export.respawn.plan(Duration::ZERO, now);
            }
        }
        news
    }

    /// When one is to be started, if one is.
    pub(super) fn due(&self) -> Option<Instant> {
        self.exports.iter().filter_map(|export| export.respawn.due()).min()
    }

    /// What to watch.
    pub(super) fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let running = self.exports.iter().filter_map(|export| export.running.as_ref());
        running.flat_map(|running| [Some(running.gone.as_fd()), running.mutter.watched()]).flatten()
    }

    /// The keeper is gone. They see that too; who takes too long for the last records is ended, and
    /// goes on from there with the next broker.
    pub(super) fn end(&mut self) {
        let deadline = Instant::now() + LAST_RECORDS;
        for running in self.exports.iter_mut().filter_map(|export| export.running.take()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [PollFd::new(running.gone.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut watched, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO));
        }
    }
}

impl Export {
    fn start(&mut self, making: &Making, keeper: &mut Child) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("could not be started: {error}");
        let (for_keeper, lane) = UnixStream::pair().map_err(failed)?;
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let mut arguments: Vec<String> =
            ["secret", "audit", "--follow", "--export"].map(str::to_owned).into();
        arguments.push(format!("{}:{}", self.sink.kind(), self.sink.path().display()));
        arguments.extend(["--cursors".to_owned(), making.cursors.display().to_string()]);
        arguments.extend(["--confinement".to_owned(), making.strictness.as_str().to_owned()]);
        if let Some(Account { uid, gid }) = making.account {
            arguments.extend(["--account".to_owned(), format!("{uid}:{gid}")]);
        }
        let started = spawn::export(&arguments, lane.into(), OwnedFd::from(theirs).into());
        let mut process = started.map_err(|failure| failure.what)?;
        let gone = match unix::passed::process(process.id()) {
            Ok(gone) => gone,
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                return Err(failed(error));
            }
        };
        keeper.order(&ControlOrder::NewReader, None, vec![for_keeper.into()]);
        let started = Instant::now();
        self.running = Some(Running { process, gone, mutter: Mutter::of(ours), started });
        Ok(())
    }

    fn hear(&mut self, now: Instant) -> Vec<String> {
        let Some(running) = &mut self.running else { return Vec::new() };
        let mut lines = running.mutter.lines();
        let mut watched = [PollFd::new(running.gone.as_fd(), PollFlags::POLLIN)];
        if matches!(poll(&mut watched, PollTimeout::ZERO), Ok(1..)) {
            lines.extend(running.mutter.lines());
            self.respawn.plan(running.started.elapsed(), now);
            self.running = None;
        }
        lines.into_iter().filter_map(|line| self.is_news(line)).collect()
    }

    /// The line for the log, unless it was there the last time.
    fn is_news(&mut self, line: String) -> Option<String> {
        let text = format!("export to {}: {line}", self.sink.kind());
        if self.said.contains(&text) {
            return None;
        }
        // Two lines say why one ended; more than that is another story.
        if self.said.len() > 3 {
            self.said.remove(0);
        }
        self.said.push(text.clone());
        Some(text)
    }
}

impl Drop for Running {
    /// None outlives its place in the table.
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
