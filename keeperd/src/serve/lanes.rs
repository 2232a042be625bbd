//! The lanes of a running keeper: who is at the other end, and what may be read from whom.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proto::frame::Message;
use proto::hello::{Hello, LaneKind};
use unix::lane::{Flushed, Lane, LaneError, Parcel, Received, Taken};

/// Most lanes of the CLI at once: each holds locked memory.
pub(super) const CLI_LANES_MAX: usize = 64;
/// A peer that lets this many bytes of answers wait is not read from until it has taken them.
const UNREAD_MAX: usize = 1024 * 1024;

/// How long a CLI may take to say Hello.
const GREETING: Duration = Duration::from_secs(10);

/// Names a lane for as long as the keeper runs; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneId(u64);

#[cfg(test)]
impl LaneId {
    pub(super) const fn of_test(n: u64) -> Self {
        Self(n)
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The launcher, or the CLI that started a private keeper.
    Control,
    /// A worker of an egressd.
    Egress {
        /// Asks must rise above this.
        last_seq: u64,
    },
    /// A CLI, by the credentials of its socket.
    Cli { uid: u32, pid: u32, turn: Turn, scope: Scope },
}

/// What a CLI may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Anything.
    All,
    /// Where the journal's segments are; for who reads them and no more.
    Journal,
}

/// A CLI's requests are answered one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The next request may be read.
    Theirs,
    /// Its request is being worked on.
    Ours,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// A CLI's until then; who connects and says nothing keeps others out.
    Awaited(Instant),
    Done,
}

/// A lane with its peer.
pub(super) struct Peer {
    lane: Lane,
    greeting: Greeting,
    pub(super) who: Who,
}

impl Peer {
    const fn kind(&self) -> LaneKind {
        match self.who {
            Who::Control => LaneKind::Control,
            Who::Egress { .. } => LaneKind::Lease,
            Who::Cli { .. } => LaneKind::Cli,
        }
    }

    /// Whether the socket should be read from.
    pub(super) fn is_wanted(&self) -> bool {
        self.lane.unwritten() < UNREAD_MAX
            && match self.who {
                Who::Control | Who::Egress { .. } => true,
                // With its answer taken: one that asks and never reads holds one answer, and the
                // descriptors of one.
                Who::Cli { turn, .. } => turn == Turn::Theirs && self.lane.is_flushed(),
            }
    }

    /// Whether something waits to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.lane.is_flushed()
    }

    pub(super) const fn lane(&self) -> &Lane {
        &self.lane
    }

    pub(super) fn receive(&mut self) -> Result<Received, LaneError> {
        self.lane.receive()
    }

    /// The next message, once the peer has said Hello.
    pub(super) fn take<M: Message>(&mut self) -> Result<Option<Parcel<M>>, LaneError> {
        if self.greeted()? { self.lane.take() } else { Ok(None) }
    }

    /// The same, also where its value found no room.
    pub(super) fn take_any<M: Message>(&mut self) -> Result<Option<Taken<M>>, LaneError> {
        if self.greeted()? { self.lane.take_any() } else { Ok(None) }
    }

    fn greeted(&mut self) -> Result<bool, LaneError> {
        if self.greeting != Greeting::Done {
            let Some(hello) = self.lane.take::<Hello>()? else {
                return Ok(false);
            };
            if !hello.message.fits(self.kind()) {
                return Err(LaneError::Hello);
            }
            self.greeting = Greeting::Done;
        }
        Ok(true)
    }
}

/// All lanes.
#[derive(Default)]
pub(super) struct Lanes {
    peers: BTreeMap<LaneId, Peer>,
    next: u64,
}

impl Lanes {
    /// Adds a lane that has not been greeted yet, and greets it.
    pub(super) fn add(&mut self, mut lane: Lane, who: Who) -> Result<LaneId, LaneError> {
        let kind = match who {
            Who::Control => LaneKind::Control,
            Who::Egress { .. } => LaneKind::Lease,
            Who::Cli { .. } => LaneKind::Cli,
        };
        lane.push(&Hello::ours(kind), None)?;
        self.enter(Peer { lane, greeting: Greeting::Awaited(Instant::now() + GREETING), who })
    }

    /// Adds the control lane, on which Hello was exchanged before.
    pub(super) fn add_control(&mut self, lane: Lane) -> Result<LaneId, LaneError> {
        self.enter(Peer { lane, greeting: Greeting::Done, who: Who::Control })
    }

    fn enter(&mut self, peer: Peer) -> Result<LaneId, LaneError> {
        peer.lane.socket().set_nonblocking(true).map_err(LaneError::Io)?;
        let id = LaneId(self.next);
        self.next += 1;
        self.peers.insert(id, peer);
        Ok(id)
    }

    pub(super) fn get(&mut self, id: LaneId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: LaneId) -> Option<Peer> {
        self.peers.remove(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LaneId, &Peer)> {
        self.peers.iter().map(|(id, peer)| (*id, peer))
    }

    /// Ids of all lanes to egress workers.
    pub(super) fn egress(&self) -> Vec<LaneId> {
        self.iter().filter(|(_, peer)| matches!(peer.who, Who::Egress { .. })).map(|(id, _)| id).collect()
    }

    /// CLIs that have not said Hello in time.
    pub(super) fn strangers(&self, now: Instant) -> Vec<LaneId> {
        self.greetings().filter(|(_, by)| *by <= now).map(|(id, _)| id).collect()
    }

    /// When the next CLI that has not said Hello is to be let go.
    pub(super) fn next_stranger(&self) -> Option<Instant> {
        self.greetings().map(|(_, by)| by).min()
    }

    fn greetings(&self) -> impl Iterator<Item = (LaneId, Instant)> {
        self.iter().filter_map(|(id, peer)| match (peer.greeting, peer.who) {
            (Greeting::Awaited(by), Who::Cli { .. }) => Some((id, by)),
            (Greeting::Awaited(_), Who::Control | Who::Egress { .. }) | (Greeting::Done, _) => None,
        })
    }

    /// How many lanes of the CLI there are.
    pub(super) fn cli_count(&self) -> usize {
        self.iter().filter(|(_, peer)| matches!(peer.who, Who::Cli { .. })).count()
    }

    /// Queues a message; a lane that is gone takes none.
    pub(super) fn push<M: Message>(
        &mut self,
        id: LaneId,
        message: &M,
        value: Option<proto::hazmat::SecretBytes>,
        fds: Vec<std::os::fd::OwnedFd>,
    ) -> Result<(), LaneError> {
        self.peers.get_mut(&id).map_or(Ok(()), |peer| peer.lane.push_with(message, value, fds))
    }

    /// Writes what waits on every lane; returns those that broke.
    pub(super) fn flush(&mut self) -> Vec<(LaneId, LaneError)> {
        let mut broken = Vec::new();
        for (id, peer) in &mut self.peers {
            match peer.lane.flush() {
                Ok(Flushed::All | Flushed::Blocked) => {}
                Err(error) => broken.push((*id, error)),
            }
        }
        broken
    }
}
