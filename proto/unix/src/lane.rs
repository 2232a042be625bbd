//! One end of a lane: frames over a Unix stream socket, with descriptors where a message has them.
//!
//! A lane never blocks by itself: whether its calls do is the socket's mode. Descriptors that come
//! where none may, or fewer or more than a message announces, are a breach like any other (INV-09).

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use proto::frame::{FrameError, Message};
use proto::hazmat::deposit::{Deposit, Frame, Inbound};
use proto::hazmat::release::Outbound;
use proto::hazmat::{NoSlot, SecretBytes};
use proto::hello::{Hello, LaneKind};

use crate::passed::{self, Arrival, Rights};
use crate::wash;

/// Most descriptors with one message; more are a breach (Linux passes up to 253).
pub const FDS_MAX: usize = 96;

/// Whether descriptors may arrive on a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// Any that arrives is a breach.
    Refused,
    /// One may wait for the message that announces it: a peer cannot make this process hold more.
    One,
    /// They arrive with messages that announce them.
    Accepted,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Some bytes; there may be more.
    Bytes,
    /// Some bytes, and there were no more: a read would only say so.
    Last,
    /// Nothing for now.
    Nothing,
    /// The peer has closed the lane.
    Closed,
}

/// Whether everything was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is left.
    All,
    /// The socket takes no more for now.
    Blocked,
}

/// Why a lane is of no more use.
#[derive(Debug)]
pub enum LaneError {
    /// The peer broke the protocol; or, with [`FrameError::NoSlot`], no locked memory was left for
    /// what it sent.
    Frame(FrameError),
    /// Descriptors came that no message announced, or too few, or ones that cannot be.
    Descriptors,
    /// The peer's first frame was not the Hello of this lane and version.
    Hello,
    /// The peer closed the lane in the middle of something.
    Closed,
    /// The deadline passed.
    Deadline,
    /// The socket failed.
    Io(io::Error),
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(FrameError::NoSlot) => FrameError::NoSlot.fmt(f),
            Self::Frame(error) => write!(f, "protocol: {error}"),
            Self::Descriptors => f.write_str("protocol: descriptors where none may be"),
            Self::Hello => f.write_str("protocol: the peer speaks another version or lane"),
            Self::Closed => f.write_str("the peer closed the lane"),
            Self::Deadline => f.write_str("the peer did not answer in time"),
            Self::Io(error) => write!(f, "the lane's socket: {error}"),
        }
    }
}

impl std::error::Error for LaneError {}

impl From<FrameError> for LaneError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<Errno> for LaneError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// A message with all that came with it.
pub struct Parcel<M> {
    /// The message.
    pub message: M,
    /// Its value, as its rule demands.
    pub value: Option<SecretBytes>,
    /// Its descriptors, exactly as many as it announces.
    pub fds: Vec<OwnedFd>,
}

/// A message, and whether what came with it could be kept.
pub enum Taken<M> {
    /// All of it.
    Whole(Parcel<M>),
    /// Its value came, and no locked memory was left for it. It was wiped; the lane goes on.
    NoRoom(M),
}

/// Descriptors that one read brought. They belong to the frame whose first byte was in that read.
struct Batch {
    /// How many bytes had come before that read.
    from: u64,
    /// How many with it.
    to: u64,
    fds: Vec<OwnedFd>,
}

impl Batch {
    /// Whether a frame that began there may be the one.
    const fn is_with(&self, start: u64) -> bool {
        self.from <= start && start < self.to
    }
}

/// One end of a lane.
pub struct Lane {
    socket: UnixStream,
    inbound: Inbound,
    outbound: Outbound,
    /// Bytes received since the lane began.
    received: u64,
    arrived: VecDeque<Batch>,
    /// Descriptors to send: how many frames go out before the one they belong to.
    leaving: VecDeque<(usize, Vec<OwnedFd>)>,
    descriptors: Descriptors,
}

impl Lane {
    /// A lane over that socket.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left for what is received.
    pub fn new(socket: UnixStream, descriptors: Descriptors) -> Result<Self, NoSlot> {
        Ok(Self {
            socket,
            inbound: Inbound::new()?,
            outbound: Outbound::new(),
            received: 0,
            arrived: VecDeque::new(),
            leaving: VecDeque::new(),
            descriptors,
        })
    }

    /// The socket, for its mode and its peer's credentials.
    #[must_use]
    pub const fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Reads once from the socket.
    ///
    /// # Errors
    /// [`LaneError`]: the lane must be closed.
    pub fn receive(&mut self) -> Result<Received, LaneError> {
        let space = self.inbound.space();
        if space.is_empty() {
            return Ok(Received::Bytes);
        }
        let room = space.len();
        let Arrival { bytes, fds, rights } = match passed::receive(self.socket.as_fd(), space) {
            Ok(arrival) => arrival,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Received::Nothing),
            Err(Errno::ECONNRESET) => return Ok(Received::Closed),
            Err(error) => return Err(error.into()),
        };
        let from = self.received;
        self.inbound.filled(bytes);
        self.received += bytes as u64;
        if rights == Rights::Truncated || fds.len() > FDS_MAX {
            return Err(LaneError::Descriptors);
        }
        // A read that brings descriptors ends with them, whatever comes behind.
        let is_last = bytes < room && fds.is_empty();
        if !fds.is_empty() {
            match self.descriptors {
                Descriptors::Refused => return Err(LaneError::Descriptors),
                Descriptors::One if fds.len() > 1 || !self.arrived.is_empty() => {
                    return Err(LaneError::Descriptors);
                }
                Descriptors::One | Descriptors::Accepted => {}
            }
            self.arrived.push_back(Batch { from, to: self.received, fds });
        }
        Ok(match (bytes, is_last) {
            (0, _) => Received::Closed,
            (1.., true) => Received::Last,
            (1.., false) => Received::Bytes,
        })
    }

    /// Takes the next whole message out of what was received.
    ///
    /// # Errors
    /// [`LaneError`]: the lane must be closed. That no locked memory is left for a value is one of
    /// them; see [`Lane::take_any`] for a lane that is to outlive it.
    pub fn take<M: Message>(&mut self) -> Result<Option<Parcel<M>>, LaneError> {
        match self.take_any()? {
            Some(Taken::Whole(parcel)) => Ok(Some(parcel)),
            Some(Taken::NoRoom(_)) => Err(FrameError::NoSlot.into()),
            None => Ok(None),
        }
    }

    /// As [`Lane::take`], and goes on when no locked memory is left for a value: whoever asked for
    /// it can then be told so.
    ///
    /// # Errors
    /// [`LaneError`]: the lane must be closed.
    pub fn take_any<M: Message>(&mut self) -> Result<Option<Taken<M>>, LaneError> {
        let start = self.inbound.taken();
        let taken = self.inbound.take::<M>()?;
        let Some(Frame { message, value }) = taken else {
            // Only the incomplete frame, if there is one, can still announce any.
            let has_home = |batch: &Batch| self.received > start && batch.is_with(start);
            return if self.arrived.iter().all(has_home) { Ok(None) } else { Err(LaneError::Descriptors) };
        };
        let fds = self.claim(message.fds(), start)?;
        Ok(Some(match value {
            Deposit::Value(value) => Taken::Whole(Parcel { message, value: Some(value), fds }),
            Deposit::None => Taken::Whole(Parcel { message, value: None, fds }),
            Deposit::NoRoom => Taken::NoRoom(message),
        }))
    }

    /// Puts a message behind the others that wait to be written.
    ///
    /// # Errors
    /// [`LaneError::Frame`] if it does not fit in a frame; nothing is queued then.
    pub fn push<M: Message>(&mut self, message: &M, value: Option<SecretBytes>) -> Result<(), LaneError> {
        self.push_with(message, value, Vec::new())
    }

    /// As [`Lane::push`], with the descriptors the message announces.
    ///
    /// # Errors
    /// [`LaneError::Descriptors`] if it announces another number, [`LaneError::Frame`] as above.
    pub fn push_with<M: Message>(
        &mut self,
        message: &M,
        value: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), LaneError> {
        if fds.len() != message.fds() || fds.len() > FDS_MAX {
            return Err(LaneError::Descriptors);
        }
        let before = self.outbound.frames();
        self.outbound.push(message, value)?;
        if !fds.is_empty() {
            self.leaving.push_back((before, fds));
        }
        Ok(())
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.outbound.is_empty()
    }

    /// How many bytes wait to be written.
    #[must_use]
    pub const fn unwritten(&self) -> usize {
        self.outbound.bytes()
    }

    /// Writes what waits, as far as the socket takes it.
    ///
    /// # Errors
    /// [`LaneError`]: the lane must be closed.
    pub fn flush(&mut self) -> Result<Flushed, LaneError> {
        while !self.outbound.is_empty() {
            let (frames, numbers) = match self.leaving.front() {
                None => (usize::MAX, Vec::new()),
                Some((0, fds)) => (1, fds.iter().map(AsRawFd::as_raw_fd).collect()),
                Some((before, _)) => (*before, Vec::new()),
            };
            let rights = [ControlMessage::ScmRights(&numbers)];
            let ancillary = if numbers.is_empty() { &[][..] } else { &rights[..] };
            let slices = self.outbound.slices(frames);
            let waiting = self.outbound.frames();
            match sendmsg::<()>(self.socket.as_raw_fd(), &slices, ancillary, MsgFlags::MSG_NOSIGNAL, None) {
                Ok(bytes) => self.outbound.advance(bytes),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return Ok(Flushed::Blocked),
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(LaneError::Closed),
                Err(error) => return Err(error.into()),
            }
            if !numbers.is_empty() {
                self.leaving.pop_front();
            }
            let gone = waiting - self.outbound.frames();
            for (before, _) in &mut self.leaving {
                *before = before.saturating_sub(gone);
            }
        }
        Ok(Flushed::All)
    }

    /// Sends a message and waits until all was written.
    ///
    /// # Errors
    /// [`LaneError`], with [`LaneError::Deadline`] if the peer does not read in time.
    pub fn send<M: Message>(
        &mut self,
        message: &M,
        value: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
        deadline: Instant,
    ) -> Result<(), LaneError> {
        self.push_with(message, value, fds)?;
        while self.flush()? == Flushed::Blocked {
            self.wait(PollFlags::POLLOUT, deadline)?;
        }
        Ok(())
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`LaneError`], with [`LaneError::Deadline`] if none comes in time and
    /// [`LaneError::Closed`] if none will.
    pub fn wait_for<M: Message>(&mut self, deadline: Instant) -> Result<Parcel<M>, LaneError> {
        loop {
            if let Some(parcel) = self.take()? {
                return Ok(parcel);
            }
            self.wait(PollFlags::POLLIN, deadline)?;
            if self.receive()? == Received::Closed {
                return Err(LaneError::Closed);
            }
        }
    }

    /// Says Hello and waits for the peer's.
    ///
    /// # Errors
    /// [`LaneError::Hello`] if it is not the one of this lane and version; others as above.
    pub fn greet(&mut self, kind: LaneKind, deadline: Instant) -> Result<(), LaneError> {
        self.send(&Hello::ours(kind), None, Vec::new(), deadline)?;
        if self.wait_for::<Hello>(deadline)?.message.fits(kind) { Ok(()) } else { Err(LaneError::Hello) }
    }

    /// The descriptors of the frame just taken, which began there: exactly as many as it announces.
    fn claim(&mut self, announced: usize, start: u64) -> Result<Vec<OwnedFd>, LaneError> {
        let mut fds = Vec::new();
        if announced > 0 {
            match self.arrived.pop_front() {
                Some(batch) if batch.is_with(start) => fds = batch.fds,
                Some(_) | None => return Err(LaneError::Descriptors),
            }
        }
        let next = self.inbound.taken();
        let is_late = self.arrived.front().is_some_and(|batch| batch.to <= next);
        if fds.len() != announced || is_late { Err(LaneError::Descriptors) } else { Ok(fds) }
    }

    /// Returns only when the socket is ready, so that a blocking one does not block beyond the
    /// deadline either.
    fn wait(&self, flags: PollFlags, deadline: Instant) -> Result<(), LaneError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LaneError::Deadline);
            }
            // Rounded up, or the last millisecond would be spent spinning.
            let left = left.min(Duration::from_secs(60)) + Duration::from_micros(999);
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            // What was copied to be sent must not be what this thread sleeps with.
            wash::registers();
            match poll(&mut [PollFd::new(self.socket.as_fd(), flags)], timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Lane {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
