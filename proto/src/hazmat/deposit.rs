//! Values coming in: the receiving side of a lane, in locked memory.
//!
//! One read may take many frames, and values are among their bytes; so what is read into is locked
//! memory too, and each byte of it is wiped once its frame was taken.

use zeroize::Zeroize;

use super::mapping::{Mapping, NoSlot};
use super::secret_bytes::SecretBytes;
use crate::frame::{FRAME_MAX, FrameError, Message, PREFIX_LEN, Prefix, decode};

/// Room a lane starts with; it grows to what the longest frame needs, when one comes.
const START: usize = 16 * 1024;

/// A message and its value.
pub struct Frame<M> {
    /// The message.
    pub message: M,
    /// Its value, present as its [`crate::frame::ValueRule`] demands.
    pub value: Option<SecretBytes>,
}

/// Bytes received on a lane and not yet taken as frames.
pub struct Inbound {
    room: Mapping,
    start: usize,
    end: usize,
}

impl Inbound {
    /// An empty one.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub fn new() -> Result<Self, NoSlot> {
        Ok(Self { room: Mapping::new(START)?, start: 0, end: 0 })
    }

    /// Free room to read into; never empty after `take` has returned `None`.
    #[must_use]
    pub fn space(&mut self) -> &mut [u8] {
        self.room.bytes_mut().get_mut(self.end..).unwrap_or_default()
    }

    /// Says how many bytes were read into [`Inbound::space`].
    pub fn filled(&mut self, bytes: usize) {
        self.end = self.end.saturating_add(bytes).min(self.room.len());
    }

    /// Whether a part of a frame is waiting for the rest.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the next whole frame; `None` if more bytes are needed first.
    ///
    /// # Errors
    /// [`FrameError`]: the peer broke the protocol and must be cut off, or no slot is left.
    pub fn take<M: Message>(&mut self) -> Result<Option<Frame<M>>, FrameError> {
        let waiting = self.room.bytes().get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX_LEN>() else {
            self.make_room(PREFIX_LEN)?;
            return Ok(None);
        };
        let prefix = Prefix::parse(*prefix)?;
        let Some((head, rest)) = rest.split_at_checked(prefix.head) else {
            self.make_room(prefix.frame_len())?;
            return Ok(None);
        };
        let Some(bytes) = rest.get(..prefix.value) else {
            self.make_room(prefix.frame_len())?;
            return Ok(None);
        };
        let message = decode::<M>(head, prefix.value)?;
        let value = if bytes.is_empty() { None } else { Some(in_slot(bytes)?) };
        self.wipe(prefix.frame_len());
        Ok(Some(Frame { message, value }))
    }

    fn wipe(&mut self, bytes: usize) {
        let end = self.start + bytes;
        if let Some(taken) = self.room.bytes_mut().get_mut(self.start..end) {
            taken.zeroize();
        }
        self.start = end;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Sees to it that a frame of that length fits, moving or growing; wipes what it leaves.
    fn make_room(&mut self, frame: usize) -> Result<(), FrameError> {
        if self.start + frame.min(FRAME_MAX) <= self.room.len() && self.end < self.room.len() {
            return Ok(());
        }
        let waiting = self.start..self.end;
        let length = waiting.len();
        if frame > self.room.len() {
            let mut larger = Mapping::new(frame.min(FRAME_MAX)).map_err(|NoSlot| FrameError::NoSlot)?;
            if let (Some(to), Some(from)) =
                (larger.bytes_mut().get_mut(..length), self.room.bytes().get(waiting))
            {
                to.copy_from_slice(from);
            }
            self.room = larger;
        } else {
            let bytes = self.room.bytes_mut();
            bytes.copy_within(waiting, 0);
            if let Some(left) = bytes.get_mut(length..) {
                left.zeroize();
            }
        }
        self.start = 0;
        self.end = length;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "INV-02: a received value goes from locked memory to a slot")]
fn in_slot(bytes: &[u8]) -> Result<SecretBytes, FrameError> {
    let mut value = SecretBytes::zeroed(bytes.len()).map_err(|NoSlot| FrameError::NoSlot)?;
    value.expose_mut().copy_from_slice(bytes);
    Ok(value)
}
