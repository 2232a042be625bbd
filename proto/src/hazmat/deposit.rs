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

/// A value that came in.
pub enum Deposit {
    /// The message came without one.
    None,
    /// Where it is now.
    Value(SecretBytes),
    /// It came, and no locked memory was left for it: it is lost, and was wiped. Not the peer's
    /// fault, and never the same as none.
    NoRoom,
}

/// A message and its value.
pub struct Frame<M> {
    /// The message.
    pub message: M,
    /// Its value, present as its [`crate::frame::ValueRule`] demands.
    pub value: Deposit,
}

/// Bytes received on a lane and not yet taken as frames.
pub struct Inbound {
    room: Mapping,
    start: usize,
    end: usize,
    /// Bytes still to come of a frame whose value finds no room.
    passing: usize,
    taken: u64,
}

impl Inbound {
    /// An empty one.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub fn new() -> Result<Self, NoSlot> {
        Ok(Self { room: Mapping::new(START)?, start: 0, end: 0, passing: 0, taken: 0 })
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

    /// How long all frames taken so far are: the place of the next one's first byte.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes the next whole frame; `None` if more bytes are needed first. A frame whose value finds
    /// no room is taken as soon as its head is there, and its value wiped as it comes.
    ///
    /// # Errors
    /// [`FrameError`]: the peer broke the protocol and must be cut off; or [`FrameError::NoSlot`],
    /// no locked memory is left for the head itself.
    pub fn take<M: Message>(&mut self) -> Result<Option<Frame<M>>, FrameError> {
        self.pass(self.passing);
        let waiting = self.room.bytes().get(self.start..self.end).unwrap_or_default();
        let Some(prefix) = waiting.first_chunk::<PREFIX_LEN>() else {
            self.make_room(PREFIX_LEN).map_err(|NoSlot| FrameError::NoSlot)?;
            return Ok(None);
        };
        let prefix = Prefix::parse(*prefix)?.fit_for::<M>()?;
        let (head, whole) = (PREFIX_LEN + prefix.head, prefix.frame_len());
        if self.waiting() < head {
            self.make_room(whole)
                .or_else(|NoSlot| self.make_room(head))
                .map_err(|NoSlot| FrameError::NoSlot)?;
            return Ok(None);
        }
        if self.waiting() < whole && self.make_room(whole).is_ok() {
            return Ok(None);
        }
        let waiting = self.room.bytes().get(self.start..self.end).unwrap_or_default();
        let message = decode::<M>(waiting.get(PREFIX_LEN..head).unwrap_or_default(), prefix.value)?;
        let value = match (prefix.value, waiting.get(head..whole)) {
            (0, _) => Deposit::None,
            (1.., Some(bytes)) => in_slot(bytes).map_or(Deposit::NoRoom, Deposit::Value),
            (1.., None) => Deposit::NoRoom,
        };
        self.taken += whole as u64;
        self.pass(whole);
        Ok(Some(Frame { message, value }))
    }

    const fn waiting(&self) -> usize {
        self.end - self.start
    }

    /// Wipes that many bytes, those that have not come yet when they have.
    fn pass(&mut self, bytes: usize) {
        let here = bytes.min(self.waiting());
        let end = self.start + here;
        if let Some(taken) = self.room.bytes_mut().get_mut(self.start..end) {
            taken.zeroize();
        }
        self.start = end;
        self.passing = bytes - here;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Sees to it that a frame of that length fits, moving or growing; wipes what it leaves.
    /// Nothing is changed when it cannot be.
    fn make_room(&mut self, frame: usize) -> Result<(), NoSlot> {
        if self.start + frame.min(FRAME_MAX) <= self.room.len() && self.end < self.room.len() {
            return Ok(());
        }
        let waiting = self.start..self.end;
        let length = waiting.len();
        if frame > self.room.len() {
            let mut larger = Mapping::new(frame.min(FRAME_MAX))?;
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
fn in_slot(bytes: &[u8]) -> Result<SecretBytes, NoSlot> {
    let mut value = SecretBytes::zeroed(bytes.len())?;
    value.expose_mut().copy_from_slice(bytes);
    Ok(value)
}
