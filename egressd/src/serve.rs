//! Starts the workers, and then speaks with the launcher until the end.
//!
//! This thread touches no request: it moves orders, log lines and ends.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::control_lane::{ControlOrder, ControlReport, LogLevel};
use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use tokio::sync::watch;
use unix::lane::LaneError;

use crate::confine::Jailed;
use crate::control::{Control, Ended};
use crate::gate::clients::Listener;
use crate::log::{Log, Waiting, WorkerEnd};
use crate::prepare::{self, Prepared};
use crate::worker::{self, Phase, Seat};

/// Most log lines that wait.
const LINES: usize = 256;
/// How long a line may wait for others.
const LINES_WAIT: Duration = Duration::from_millis(100);
/// How long keeperd may take to greet.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until told to end.
pub(crate) fn run(control: &mut Control, mut prepared: Prepared, jailed: Jailed) -> Result<Ended, Ended> {
    let (bell, ringer) = UnixStream::pair().map_err(|error| unable(&error))?;
    bell.set_nonblocking(true).and_then(|()| ringer.set_nonblocking(true)).map_err(|error| unable(&error))?;
    let (lines, log_lines) = mpsc::sync_channel(LINES);
    let (ends, worker_ends) = mpsc::channel();
    let log = Log::new(prepared.log, lines, ends, ringer);
    let (phase, told) = watch::channel(Phase::Serving);
    let mut lanes = std::mem::take(&mut prepared.lanes);
    let notes = std::mem::take(&mut prepared.notes);
    let running = lanes.len();
    let seats = seats(prepared, running, &log, &told).map_err(|error| unable(&error))?;
    let workers: io::Result<Vec<_>> =
        seats.into_iter().enumerate().map(|(index, seat)| worker::start(index + 1, seat)).collect();
    let workers = workers.map_err(|error| worker_lost(&error))?;
    let confined = Arc::new(jailed.confine().map_err(Ended::Failed)?);
    control.report(&ControlReport::Confined(confined.confinement().clone()))?;
    for (level, text) in notes {
        control.report_if_read(&ControlReport::Log { level, text })?;
    }
    let deadline = Instant::now() + PATIENCE;
    for lane in &mut lanes {
        lane.greet(LaneKind::Lease, deadline).map_err(|error| not_greeted(&error))?;
    }
    // Said before the first answer is given: whoever has one may rely on the launcher knowing. Those
    // who come in between wait in the listeners.
    control.report(&ControlReport::Ready { locked: false })?;
    for (worker, lane) in workers.into_iter().zip(lanes) {
        worker.begin(lane, Arc::clone(&confined));
    }
    // The threads are not waited for: those with streams in flight end with the process.
    Desk { control, bell, log, log_lines, lines_due: None, worker_ends, phase, running }.attend()
}

/// What the main thread looks at.
struct Desk<'a> {
    control: &'a mut Control,
    bell: UnixStream,
    log: Log,
    log_lines: Receiver<(LogLevel, String)>,
    /// When they are passed on, if any wait.
    lines_due: Option<Instant>,
    worker_ends: Receiver<WorkerEnd>,
    phase: watch::Sender<Phase>,
    running: usize,
}

impl Desk<'_> {
    fn attend(&mut self) -> Result<Ended, Ended> {
        loop {
            self.wait()?;
            // Before the channels are looked at: what comes after rings again.
            let _ = self.bell.read(&mut [0; 64]);
            let ended = self.obey().and_then(|told| Ok(told.or(self.count_ends()?)));
            // The last lines too, so that a log says how it ended.
            if !matches!(ended, Ok(None)) || self.are_lines_due() {
                self.pass_lines()?;
            }
            if let Some(ended) = ended? {
                return Ok(ended);
            }
            self.control.write()?;
        }
    }

    fn obey(&mut self) -> Result<Option<Ended>, Ended> {
        self.control.read()?;
        while let Some(parcel) = self.control.take()? {
            match parcel.message {
                ControlOrder::Drain => {
                    let _ = self.phase.send(Phase::Draining);
                }
                ControlOrder::Stop => return Ok(Some(Ended::Told)),
                ControlOrder::StartKeeper(_)
                | ControlOrder::Unlock
                | ControlOrder::NewEgress { .. }
                | ControlOrder::NewReader
                | ControlOrder::VerifyFiles
                | ControlOrder::VerifySegments { .. }
                | ControlOrder::Verify { .. }
                | ControlOrder::Standing(_)
                | ControlOrder::Transport(_)
                | ControlOrder::Anchor { .. }
                | ControlOrder::StartEgress(_)
                | ControlOrder::StartKeychain(_)
                | ControlOrder::NewKeychain
                | ControlOrder::VerifyKeychain { .. }
                | ControlOrder::VerifyHead => return Err(prepare::misplaced()),
            }
        }
        Ok(None)
    }

    fn count_ends(&mut self) -> Result<Option<Ended>, Ended> {
        while let Ok(end) = self.worker_ends.try_recv() {
            match end {
                WorkerEnd::Drained => self.running = self.running.saturating_sub(1),
                WorkerEnd::KeeperLost => return Err(keeper_lost()),
            }
        }
        Ok(if self.running == 0 { Some(Ended::Told) } else { None })
    }

    fn are_lines_due(&mut self) -> bool {
        let now = Instant::now();
        match self.log.waiting() {
            Waiting::Nothing => false,
            Waiting::Lines => *self.lines_due.get_or_insert(now + LINES_WAIT) <= now,
            Waiting::Trouble => true,
        }
    }

    fn pass_lines(&mut self) -> Result<(), Ended> {
        self.lines_due = None;
        self.log.heard();
        while let Ok((level, text)) = self.log_lines.try_recv() {
            self.control.report_if_read(&ControlReport::Log { level, text })?;
        }
        Ok(())
    }

    fn wait(&self) -> Result<(), Ended> {
        let mut flags = PollFlags::POLLIN;
        if !self.control.lane().is_flushed() {
            flags |= PollFlags::POLLOUT;
        }
        let mut fds = [
            PollFd::new(self.control.lane().as_fd(), flags),
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = self.lines_due.map_or(PollTimeout::NONE, |due| {
            // Rounded up, or the last millisecond would be spent spinning.
            let left = due.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(unable(&error.into())),
        }
    }
}

fn keeper_lost() -> Ended {
    Ended::Failed(Failure::new(FailureClass::Unreachable, "keeperd is gone, so egressd ends", ""))
}

fn worker_lost(error: &io::Error) -> Ended {
    Ended::Failed(Failure::new(
        FailureClass::TryAgain,
        format!("a worker of egressd could not start: {error}"),
        "look for a limit on descriptors or threads (`ulimit -n -u`)",
    ))
}

fn unable(error: &io::Error) -> Ended {
    Ended::Failed(Failure::new(FailureClass::TryAgain, format!("egressd cannot serve: {error}"), ""))
}

fn not_greeted(error: &LaneError) -> Ended {
    let what = format!("keeperd did not greet egressd: {error}");
    Ended::Failed(Failure::new(FailureClass::Unreachable, what, ""))
}

/// One a worker: each has its own descriptors of the listeners.
fn seats(
    prepared: Prepared,
    count: usize,
    log: &Log,
    told: &watch::Receiver<Phase>,
) -> io::Result<Vec<Seat>> {
    let outside = Arc::new(prepared.outside);
    let clients = Arc::new(prepared.clients);
    let seat = |_| {
        let listeners: io::Result<Vec<_>> = prepared.listeners.iter().map(Listener::again).collect();
        Ok(Seat {
            listeners: listeners?,
            outside: Arc::clone(&outside),
            clients: Arc::clone(&clients),
            workers: count,
            log: log.clone(),
            phase: told.clone(),
        })
    };
    (0..count).map(seat).collect()
}
