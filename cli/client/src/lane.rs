//! One end of the cli lane over a blocking socket: what the broker's own programs do with poll(2), as
//! plainly as it can be done. The other end is believed nothing that a frame does not say.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use proto::frame::{FrameError, Message};
use proto::hazmat::deposit::{Deposit, Inbound};
use proto::hazmat::release::Outbound;
use proto::hazmat::{NoSlot, SecretBytes};
use proto::hello::{Hello, LaneKind};

/// Why the lane is of no more use.
#[derive(Debug)]
pub(crate) enum LaneError {
    /// The broker is of another version, or is none.
    Stranger,
    /// No locked memory is left.
    NoSlot,
    /// The broker closed the lane, or does not answer, or the socket failed.
    Io(io::Error),
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("it speaks another version"),
            Self::NoSlot => NoSlot.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<FrameError> for LaneError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::NoSlot => Self::NoSlot,
            FrameError::HeadLength
            | FrameError::ValueLength
            | FrameError::Malformed
            | FrameError::TrailingBytes
            | FrameError::ValueMisplaced => Self::Stranger,
        }
    }
}

impl From<io::Error> for LaneError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NoSlot> for LaneError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

/// A lane to keeperd.
pub(crate) struct Lane {
    socket: UnixStream,
    inbound: Inbound,
    outbound: Outbound,
}

impl Lane {
    /// Greets whoever is at the other end.
    pub(crate) fn greet(socket: UnixStream) -> Result<Self, LaneError> {
        let mut lane = Self { socket, inbound: Inbound::new()?, outbound: Outbound::new() };
        lane.send(&Hello::ours(LaneKind::Cli), None)?;
        let (hello, _) = lane.receive::<Hello>()?;
        if hello.fits(LaneKind::Cli) { Ok(lane) } else { Err(LaneError::Stranger) }
    }

    /// Sends all of a message.
    pub(crate) fn send<M: Message>(
        &mut self,
        message: &M,
        value: Option<SecretBytes>,
    ) -> Result<(), LaneError> {
        self.outbound.push(message, value)?;
        while !self.outbound.is_empty() {
            match self.socket.write_vectored(&self.outbound.slices(usize::MAX)) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(bytes) => self.outbound.advance(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for the next message.
    pub(crate) fn receive<M: Message>(&mut self) -> Result<(M, Option<SecretBytes>), LaneError> {
        loop {
            if let Some(frame) = self.inbound.take::<M>()? {
                return match frame.value {
                    Deposit::None => Ok((frame.message, None)),
                    Deposit::Value(value) => Ok((frame.message, Some(value))),
                    Deposit::NoRoom => Err(LaneError::NoSlot),
                };
            }
            match self.socket.read(self.inbound.space()) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(bytes) => self.inbound.filled(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
