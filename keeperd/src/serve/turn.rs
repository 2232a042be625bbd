//! One turn of the loop.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};
use proto::cli_lane::CliRequest;
use proto::control_lane::{ControlOrder, LogLevel};
use proto::failure::{Failure, FailureClass};
use proto::frame::FrameError;
use proto::lease_lane::LeaseRequest;
use unix::lane::{Descriptors, Lane, LaneError, Received, Taken};
use unix::wash;

use super::duty::is_within;
use super::keeper::{Awaited, End, Keeper};
use super::lanes::{CLI_LANES_MAX, LaneId, Scope, Turn, Who};
use super::slow::Job;
use crate::clock::{Moment, wall};
use crate::store::Used;

/// Reads of one lane in one turn, so that a busy one cannot starve the others.
const READS_A_TURN: usize = 8;
/// When a command is let in again after one could not be.
const DOOR_AGAIN: Duration = Duration::from_millis(100);
/// How often `last_used` goes to the catalog.
const USED_EVERY: Duration = Duration::from_secs(30);

/// How deep a turn's calls get with a value, a token or a key, and more.
const WASHED: usize = 16 * 1024;

/// What poll found.
struct Ready {
    lanes: Vec<LaneId>,
    door: bool,
    bell: bool,
    files: bool,
}

impl Keeper {
    /// Waits, reads what came, decides, records, answers.
    pub(super) fn turn(&mut self) {
        let ready = self.wait();
        self.act(ready);
    }

    /// In frames of its own, which are washed when the next turn waits.
    #[inline(never)]
    fn act(&mut self, ready: Ready) {
        if ready.bell {
            self.bell.hear();
        }
        while let Some(report) = self.slow.report() {
            self.take_report(report);
        }
        self.collect_synced();
        self.end_versions();
        self.end_cached();
        self.look_for_expiries();
        if ready.files {
            self.reread_policy();
        }
        if ready.door {
            self.open_door();
        }
        for lane in ready.lanes {
            self.read(lane);
        }
        self.end_expired();
        self.end_expired_tokens();
        self.recheck_approvals();
        self.end_overdue_approvals();
        self.cut_journal();
        self.keep_used();
        let counts = self.flood.take(Instant::now());
        self.record_flood(counts);
        self.lanes.strangers(Instant::now()).into_iter().for_each(|lane| self.hang_up(lane));
        self.settle();
        self.send_wanted();
        self.flush();
        // What came in one piece with a request that is answered by now.
        while self.read_waiting() {
            self.recheck_approvals();
            self.settle();
            self.send_wanted();
            self.flush();
        }
        self.recorder.dispatch();
    }

    fn flush(&mut self) {
        for (lane, error) in self.lanes.flush() {
            self.log(LogLevel::Debug, &format!("a lane is gone: {error}"));
            self.hang_up(lane);
        }
    }

    fn wait(&mut self) -> Ready {
        let timeout = self.timeout();
        let readable = |wanted: bool| if wanted { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut ids = Vec::new();
        let mut fds = vec![
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.policy.files.as_fd(), PollFlags::POLLIN),
        ];
        for (id, peer) in self.lanes.iter() {
            let mut flags = readable(peer.is_wanted());
            if peer.is_behind() {
                flags |= PollFlags::POLLOUT;
            }
            // Not even a hang-up is waited for while there is nothing to do about it.
            if !flags.is_empty() {
                ids.push(id);
                fds.push(PollFd::new(peer.lane().as_fd(), flags));
            }
        }
        let lets_in = self.passphrase == Awaited::No
            && self.lanes.cli_count() < CLI_LANES_MAX
            && self.door_due.is_none_or(|due| due <= Instant::now());
        if let Some(door) = self.door.as_ref().filter(|_| lets_in) {
            fds.push(PollFd::new(door.as_fd(), PollFlags::POLLIN));
        }
        // While this thread sleeps, it would hold what it copied, hashed or opened last.
        wash::stack::<WASHED>();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                let what = format!("keeperd cannot wait for its lanes: {error}");
                self.end = Some(End::Failed(Failure::new(FailureClass::Bug, what, "")));
                return Ready { lanes: Vec::new(), door: false, bell: false, files: false };
            }
        }
        let fired = |fd: &PollFd<'_>| fd.any().unwrap_or_default();
        let (own, rest) = fds.split_at(2);
        let (of_lanes, door) = rest.split_at(ids.len());
        Ready {
            bell: own.first().is_some_and(fired),
            files: own.last().is_some_and(fired),
            door: door.first().is_some_and(fired),
            lanes: ids.iter().zip(of_lanes).filter(|(_, fd)| fired(fd)).map(|(id, _)| *id).collect(),
        }
    }

    /// Until the next thing that happens by itself.
    fn timeout(&self) -> PollTimeout {
        let now = Instant::now();
        let own = [
            self.used_due,
            self.door_due,
            self.flood.due(),
            self.lanes.next_stranger(),
            self.vault.files.next_end(),
        ];
        let by_clock = self.recorder.next_due().into_iter().chain(own.into_iter().flatten()).min();
        let by_boot = self.leases.next_end().into_iter().chain(self.approvals.next_end()).min();
        let by_boot = by_boot.map(|end| end.since(Moment::now()));
        let by_wall = self.policy.tokens.next_end().into_iter().chain(self.vault.endings.next());
        let by_wall = by_wall.chain(self.next_warning()).min();
        let by_wall = by_wall.map(|end| Duration::from_millis(end.0.saturating_sub(wall().0)));
        let by_clock = by_clock.map(|due| due.saturating_duration_since(now));
        let next = by_clock.into_iter().chain(by_boot).chain(by_wall).min();
        match next {
            None => PollTimeout::NONE,
            // Rounded up, or the last millisecond would be spent spinning.
            Some(span) => {
                PollTimeout::try_from(span.min(Duration::from_secs(3600)) + Duration::from_micros(999))
                    .unwrap_or(PollTimeout::MAX)
            }
        }
    }

    fn collect_synced(&mut self) {
        loop {
            match self.recorder.collect() {
                Ok(None) => return,
                Ok(Some(_)) => {
                    if let Some(failure) = self.recorder.take_mended() {
                        let text = format!("{}; its last records were written into a new file", failure.what);
                        self.log(LogLevel::Error, &text);
                    }
                    self.let_go_synced();
                    self.advance_parked();
                    self.advance_backups();
                }
                Err(failure) => {
                    self.unrecorded(&failure.what);
                    self.let_go_unsynced(&failure);
                }
            }
        }
    }

    fn open_door(&mut self) {
        self.door_due = None;
        let socket = match self.door.as_ref().map(UnixListener::accept) {
            Some(Ok((socket, _))) => socket,
            // Out of descriptors, most likely: whoever waits at the door would keep the loop awake.
            Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                self.door_due = Some(Instant::now() + DOOR_AGAIN);
                return self.log(LogLevel::Warn, &format!("a command could not be let in: {error}"));
            }
            Some(Err(_)) | None => return,
        };
        let (uid, pid) = credentials(&socket);
        // With `--system` the socket's group says who may come, and the kernel keeps the others out.
        if self.start.system.is_none() && uid != self.uid {
            return self
                .log(LogLevel::Warn, &format!("uid {uid} (pid {pid}) tried keeperd.sock and was cut off"));
        }
        let added = Lane::new(socket, Descriptors::One)
            .map_err(|proto::hazmat::NoSlot| LaneError::Frame(FrameError::NoSlot))
            .and_then(|lane| {
                self.lanes.add(lane, Who::Cli { uid, pid, turn: Turn::Theirs, scope: Scope::All })
            });
        if let Err(error) = added {
            self.log(LogLevel::Warn, &format!("a command could not be let in: {error}"));
        }
    }

    fn read(&mut self, id: LaneId) {
        for _ in 0..READS_A_TURN {
            let Some(peer) = self.lanes.get(id).filter(|peer| peer.is_wanted()) else { return };
            let received = match peer.receive() {
                Ok(received) => received,
                Err(error) => return self.cut_off(id, &error),
            };
            if let Err(error) = self.take_messages(id) {
                return self.cut_off(id, &error);
            }
            match received {
                Received::Bytes => {}
                Received::Nothing | Received::Last => return,
                Received::Closed => return self.hang_up(id),
            }
        }
    }

    /// Takes the next request of each CLI that has the turn; whether there was any.
    fn read_waiting(&mut self) -> bool {
        let clis: Vec<_> = self
            .lanes
            .iter()
            .filter(|(_, peer)| matches!(peer.who, Who::Cli { .. }))
            .map(|(id, _)| id)
            .collect();
        let mut took = false;
        for id in clis {
            match self.take_messages(id) {
                Ok(some) => took |= some,
                Err(error) => self.cut_off(id, &error),
            }
        }
        took
    }

    /// Takes what was received; whether there was anything.
    fn take_messages(&mut self, id: LaneId) -> Result<bool, LaneError> {
        let mut took = false;
        loop {
            let Some(peer) = self.lanes.get(id).filter(|peer| peer.is_wanted()) else { return Ok(took) };
            match peer.who {
                Who::Control => match peer.take::<ControlOrder>()? {
                    Some(parcel) => self.obey(parcel)?,
                    None => return Ok(took),
                },
                Who::Egress { .. } => match peer.take_any::<LeaseRequest>()? {
                    Some(Taken::Whole(parcel)) => self.answer_lease(id, parcel)?,
                    Some(Taken::NoRoom(request)) => self.answer_no_room(id, request)?,
                    None => return Ok(took),
                },
                Who::Cli { turn: Turn::Ours, .. } => return Ok(took),
                Who::Cli { turn: Turn::Theirs, scope, .. } => match peer.take::<CliRequest>()? {
                    Some(parcel) if is_within(&parcel.message, scope) => self.answer_request(id, parcel),
                    Some(_) => return Err(LaneError::Frame(FrameError::Malformed)),
                    None => return Ok(took),
                },
            }
            took = true;
        }
    }

    /// INV-09: a peer that breaks the protocol is not corrected.
    fn cut_off(&mut self, id: LaneId, error: &LaneError) {
        self.log(LogLevel::Warn, &format!("a lane was cut off: {error}"));
        self.hang_up(id);
    }

    /// Takes the uses the catalog does not know of yet.
    pub(super) fn take_used(&mut self) -> Used {
        let secrets = std::mem::take(&mut self.vault.used).into_iter().collect();
        Used { secrets, tokens: self.policy.tokens.take_unnoted() }
    }

    fn keep_used(&mut self) {
        let now = Instant::now();
        match self.used_due {
            None if self.vault.used.is_empty() && !self.policy.tokens.has_unnoted() => {}
            None => self.used_due = Some(now + USED_EVERY),
            Some(due) if due <= now => {
                self.used_due = None;
                let used = self.take_used();
                self.slow.send(Job::Used { used });
            }
            Some(_) => {}
        }
    }
}

/// Who connected; of a socketpair, who made it (unix(7), SO_PEERCRED).
pub(super) fn credentials(socket: &UnixStream) -> (u32, u32) {
    match getsockopt(socket, sockopt::PeerCredentials) {
        Ok(peer) => (peer.uid(), u32::try_from(peer.pid()).unwrap_or_default()),
        // Nobody's: never equal to a real user of ours.
        Err(_) => (u32::MAX, 0),
    }
}
