//! One child of the launcher: its process, its control lane, and what it has said of itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use proto::control_lane::{ControlOrder, ControlReport};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::hello::{Hello, LaneKind};
use proto::standing::{ChildKind, ChildStanding, Confinement, Layer};
use unix::lane::{Descriptors, Lane, LaneError, Received};

use super::mutter::Mutter;
use crate::ending::no_slot;
use crate::spawn;

/// How long a child may take until it is ready.
const STARTING: Duration = Duration::from_secs(30);
/// How long it may live on after it has closed its lane.
const CLOSING: Duration = Duration::from_secs(5);

/// Reads from a child in one turn of the loop: one that never stops talking, as one taken by an
/// attacker may, gets no more of it than the others, and signals and deadlines have their turn.
const READS_A_TURN: usize = 8;

/// Whether there may be more to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing for now.
    All,
    /// The turn was over first. The rest shows at the next poll.
    Some,
}

/// How far a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Ready,
    /// It finishes what it has and takes nothing new.
    Draining,
}

pub(super) struct Child {
    pub(super) kind: ChildKind,
    pub(super) generation: u32,
    pub(super) state: State,
    /// What it says holds it; nothing before it is confined.
    pub(super) confinement: Confinement,
    /// What it has said it ends for.
    pub(super) failure: Option<Failure>,
    started: Instant,
    process: std::process::Child,
    gone: OwnedFd,
    mutter: Mutter,
    lane: Lane,
    greeted: bool,
    lane_closed: bool,
    doom: Option<Instant>,
}

impl Child {
    /// Starts one and says Hello to it.
    pub(super) fn start(kind: ChildKind, generation: u32) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureClass::Io, format!("{kind} could not be started: {error}"), "")
        };
        // Not ours: what ours leads to is not for a daemon to write into, or to cut.
        let (mutter, theirs) = UnixStream::pair().map_err(failed)?;
        mutter.set_nonblocking(true).map_err(failed)?;
        let spawn::Started { process, control } = spawn::daemon(kind, OwnedFd::from(theirs).into())?;
        control.set_nonblocking(true).map_err(failed)?;
        let gone = unix::passed::process(process.id()).map_err(failed)?;
        let lane = Lane::new(control, Descriptors::Refused).map_err(no_slot)?;
        let now = Instant::now();
        let mut child = Self {
            kind,
            generation,
            state: State::Starting,
            confinement: Confinement::default(),
            failure: None,
            started: now,
            process,
            gone,
            mutter: Mutter::of(mutter),
            lane,
            greeted: false,
            lane_closed: false,
            doom: Some(now + STARTING),
        };
        let greeting = child.lane.push(&Hello::ours(LaneKind::Control), None);
        greeting.map_err(|error| crate::ending::lane_broke(&error, kind.as_str()))?;
        Ok(child)
    }

    /// Puts an order on its way. A child that cannot be told anything any more is ended.
    pub(super) fn order(&mut self, order: &ControlOrder, value: Option<SecretBytes>, fds: Vec<OwnedFd>) {
        if self.lane.push_with(order, value, fds).is_err() {
            self.condemn();
        }
        self.flush();
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) {
        // A broken lane shows when it is read.
        if !self.lane_closed && self.lane.flush().is_err() {
            self.close();
        }
    }

    /// What it has reported since the last look, in order, as far as one turn goes.
    ///
    /// # Errors
    /// It broke the protocol, and must not be listened to any more.
    pub(super) fn reports(&mut self) -> Result<(Vec<ControlReport>, Heard), LaneError> {
        let mut reports = Vec::new();
        for _ in 0..READS_A_TURN {
            if self.lane_closed {
                return Ok((reports, Heard::All));
            }
            match self.lane.receive() {
                Ok(Received::Bytes | Received::Last) => {}
                Ok(Received::Nothing) => return Ok((reports, Heard::All)),
                Ok(Received::Closed) => self.close(),
                Err(error) => {
                    self.close();
                    return Err(error);
                }
            }
            while let Some(report) = self.next()? {
                reports.push(report);
            }
        }
        Ok((reports, Heard::Some))
    }

    /// What it has written to its stderr since the last look.
    pub(super) fn muttered(&mut self) -> Vec<String> {
        self.mutter.lines()
    }

    /// Its stderr, to be watched.
    pub(super) fn stderr(&self) -> Option<BorrowedFd<'_>> {
        self.mutter.watched()
    }

    /// Whether it has said that nothing can look into it or out of it any more (INV-08).
    pub(super) fn is_confined(&self) -> bool {
        self.confinement.layers.contains(&Layer::Filter)
    }

    /// It serves from now on.
    pub(super) fn is_ready(&mut self) {
        self.state = State::Ready;
        self.doom = None;
    }

    /// It is to finish what it has.
    pub(super) fn drain(&mut self) {
        if self.state != State::Draining {
            self.state = State::Draining;
            self.doom = None;
            self.order(&ControlOrder::Drain, None, Vec::new());
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
    }

    /// Ends it at once, and listens to it no more.
    pub(super) fn condemn(&mut self) {
        self.lane_closed = true;
        self.kill();
    }

    /// Ends it if its time is over. When that will be, if it is not.
    pub(super) fn doom(&mut self, now: Instant) -> Option<Instant> {
        if self.doom.is_some_and(|doom| doom <= now) {
            self.doom = None;
            self.kill();
        }
        self.doom
    }

    /// How long it has lived.
    pub(super) fn life(&self) -> Duration {
        self.started.elapsed()
    }

    /// Its exit, once its process is gone.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        self.process.wait().ok()
    }

    pub(super) fn standing(&self) -> ChildStanding {
        ChildStanding {
            kind: self.kind,
            generation: self.generation,
            pid: self.process.id(),
            confinement: self.confinement.clone(),
        }
    }

    /// What to watch: the end of the process, and its lane with what is of interest there.
    pub(super) fn watched(&self) -> (&impl AsFd, Option<(&impl AsFd, PollFlags)>) {
        let mut flags = PollFlags::POLLIN;
        if !self.lane.is_flushed() {
            flags |= PollFlags::POLLOUT;
        }
        (&self.gone, (!self.lane_closed).then_some((&self.lane, flags)))
    }

    fn next(&mut self) -> Result<Option<ControlReport>, LaneError> {
        if !self.greeted {
            let Some(hello) = self.lane.take::<Hello>()? else {
                return Ok(None);
            };
            if !hello.message.fits(LaneKind::Control) {
                return Err(LaneError::Hello);
            }
            self.greeted = true;
        }
        Ok(self.lane.take::<ControlReport>()?.map(|parcel| parcel.message))
    }

    fn close(&mut self) {
        if !self.lane_closed {
            self.lane_closed = true;
            self.doom = Some(Instant::now() + CLOSING);
        }
    }
}

impl Drop for Child {
    /// Whatever happens to the launcher's table, no child outlives its place in it.
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            self.kill();
            let _ = self.process.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    use nix::sys::socket::{setsockopt, sockopt::SndBuf};
    use proto::control_lane::LogLevel;

    use super::*;

    const LINES: usize = 1000;

    /// A child that is a process of another program, and the other end of its lane.
    fn child() -> (Child, Lane) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).unwrap();
            setsockopt(end, SndBuf, &(200 * 1024)).unwrap();
        }
        let process = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let child = Child {
            kind: ChildKind::Egressd,
            generation: 1,
            state: State::Ready,
            confinement: Confinement::default(),
            failure: None,
            started: Instant::now(),
            gone: unix::passed::process(process.id()).unwrap(),
            process,
            mutter: Mutter::of(UnixStream::pair().unwrap().0),
            lane: Lane::new(ours, Descriptors::Refused).unwrap(),
            greeted: false,
            lane_closed: false,
            doom: None,
        };
        (child, Lane::new(theirs, Descriptors::Refused).unwrap())
    }

    #[test]
    fn one_that_never_stops_talking_has_its_turn_and_no_more_and_nothing_is_lost() {
        let (mut child, mut lane) = child();
        lane.push(&Hello::ours(LaneKind::Control), None).unwrap();
        for line in 0..LINES {
            let text = format!("{line:01000}");
            lane.push(&ControlReport::Log { level: LogLevel::Info, text }, None).unwrap();
        }
        lane.flush().unwrap();
        let (first, heard) = child.reports().unwrap();
        assert_eq!(heard, Heard::Some);
        let mut all = first;
        while all.len() < LINES {
            lane.flush().unwrap();
            let (more, heard) = child.reports().unwrap();
            assert!(!more.is_empty() || heard == Heard::Some, "{} lines came", all.len());
            all.extend(more);
        }
        for (line, report) in all.iter().enumerate() {
            assert!(matches!(report, ControlReport::Log { text, .. } if text.parse() == Ok(line)));
        }
        drop(lane);
        assert_eq!(child.reports().unwrap().1, Heard::All);
        assert!(child.watched().1.is_none());
    }
}
