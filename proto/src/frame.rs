//! Frames: the one shape in which bytes cross a lane.
//!
//! ```text
//! u32 head length | u32 value length | head (postcard) | value (raw bytes)
//! ```
//!
//! Both lengths are little-endian and bounded before anything is allocated. The head is one
//! postcard message (<https://postcard.jamesmunns.com/wire-format>) and must be used up to its
//! last byte. The value is never seen by serde: it goes to and from slots of locked memory only
//! (`hazmat/deposit.rs`, `hazmat/release.rs`).
//!
//! Hostile bytes are parsed here. Nothing in this file may panic on any input.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest head, in bytes.
pub const HEAD_MAX: usize = 64 * 1024;
/// Longest value, in bytes. Also the longest secret the broker stores.
pub const VALUE_MAX: usize = 64 * 1024;
/// Bytes before the head: two little-endian `u32` lengths.
pub const PREFIX_LEN: usize = 8;
/// The longest frame there can be.
pub const FRAME_MAX: usize = PREFIX_LEN + HEAD_MAX + VALUE_MAX;

/// Whether a message is accompanied by raw value bytes. Checked on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRule {
    /// A value with this message is a protocol error.
    Never,
    /// This message without a value is a protocol error.
    Required,
    /// The message is complete either way.
    Optional,
}

/// A message that may stand at the head of a frame.
pub trait Message: Serialize + DeserializeOwned {
    /// Longest head of such a message. Lower where the peer is not known yet, since room is made
    /// for a frame by the lengths it announces.
    const HEAD_MAX: usize = HEAD_MAX;
    /// Longest value of such a message.
    const VALUE_MAX: usize = VALUE_MAX;

    /// Whether a value accompanies this message.
    fn value_rule(&self) -> ValueRule;

    /// How many file descriptors accompany this message (SCM_RIGHTS, on the frame's first byte).
    fn fds(&self) -> usize {
        0
    }
}

/// Why bytes are not a frame. The peer that sent them is cut off (INV-09), never corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The head is empty or longer than [`Message::HEAD_MAX`].
    HeadLength,
    /// The value is longer than [`Message::VALUE_MAX`].
    ValueLength,
    /// The head is not a message of this lane.
    Malformed,
    /// The head goes on after its message.
    TrailingBytes,
    /// The message came with a value it may not have, or without the one it needs.
    ValueMisplaced,
    /// No locked memory was left for the frame. No breach: the peer did nothing wrong.
    NoSlot,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadLength => "the head's length is out of bounds",
            Self::ValueLength => "the value's length is out of bounds",
            Self::Malformed => "the head is not a message of this lane",
            Self::TrailingBytes => "the head has bytes left over",
            Self::ValueMisplaced => "a value is missing or misplaced",
            Self::NoSlot => "no locked memory is left for the value",
        })
    }
}

impl std::error::Error for FrameError {}

/// The two lengths a frame starts with, already within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Bytes of head, 1 to [`HEAD_MAX`].
    pub head: usize,
    /// Bytes of value, 0 to [`VALUE_MAX`]; 0 means there is none.
    pub value: usize,
}

impl Prefix {
    /// Parses the first [`PREFIX_LEN`] bytes of a frame.
    ///
    /// # Errors
    /// [`FrameError::HeadLength`] or [`FrameError::ValueLength`] when a length is out of bounds.
    pub fn parse(bytes: [u8; PREFIX_LEN]) -> Result<Self, FrameError> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let head = u32::from_le_bytes([a, b, c, d]) as usize;
        let value = u32::from_le_bytes([e, f, g, h]) as usize;
        if head == 0 || head > HEAD_MAX {
            return Err(FrameError::HeadLength);
        }
        if value > VALUE_MAX {
            return Err(FrameError::ValueLength);
        }
        Ok(Self { head, value })
    }

    /// The same, if a message of that type may be so long.
    ///
    /// # Errors
    /// As [`Prefix::parse`].
    pub const fn fit_for<M: Message>(self) -> Result<Self, FrameError> {
        if self.head > M::HEAD_MAX {
            return Err(FrameError::HeadLength);
        }
        if self.value > M::VALUE_MAX {
            return Err(FrameError::ValueLength);
        }
        Ok(self)
    }

    /// Length of the whole frame, prefix included.
    #[must_use]
    pub const fn frame_len(self) -> usize {
        PREFIX_LEN + self.head + self.value
    }
}

/// Decodes a head, all of it.
///
/// # Errors
/// [`FrameError::Malformed`] if it is no message of this type, [`FrameError::TrailingBytes`] if
/// it goes on after one, [`FrameError::ValueMisplaced`] if the value's presence does not fit.
pub fn decode<M: Message>(head: &[u8], value_len: usize) -> Result<M, FrameError> {
    let message: M = match postcard::take_from_bytes(head) {
        Ok((message, [])) => message,
        Ok(_) => return Err(FrameError::TrailingBytes),
        Err(_) => return Err(FrameError::Malformed),
    };
    check_value(&message, value_len)?;
    Ok(message)
}

/// Room that most heads fit in: each growth would be another block, and the old one wiped.
const USUAL: usize = 256;

/// Encodes prefix and head; the value's bytes, if any, follow from their slot.
///
/// # Errors
/// [`FrameError::HeadLength`] if the message does not fit, [`FrameError::ValueMisplaced`] or
/// [`FrameError::ValueLength`] if the value does not.
pub fn encode<M: Message>(message: &M, value_len: usize) -> Result<Vec<u8>, FrameError> {
    check_value(message, value_len)?;
    let value = u32::try_from(value_len).map_err(|_| FrameError::ValueLength)?;
    if value_len > M::VALUE_MAX {
        return Err(FrameError::ValueLength);
    }
    let mut bytes = Vec::with_capacity(USUAL);
    bytes.resize(PREFIX_LEN, 0);
    let mut bytes = postcard::to_extend(message, bytes).map_err(|_| FrameError::Malformed)?;
    let head = bytes.len() - PREFIX_LEN;
    if head == 0 || head > M::HEAD_MAX {
        return Err(FrameError::HeadLength);
    }
    let head = u32::try_from(head).map_err(|_| FrameError::HeadLength)?;
    for (to, from) in bytes.iter_mut().zip(head.to_le_bytes().into_iter().chain(value.to_le_bytes())) {
        *to = from;
    }
    Ok(bytes)
}

fn check_value<M: Message>(message: &M, value_len: usize) -> Result<(), FrameError> {
    match (message.value_rule(), value_len) {
        (ValueRule::Never, 1..) | (ValueRule::Required, 0) => Err(FrameError::ValueMisplaced),
        (ValueRule::Never, 0) | (ValueRule::Required, 1..) | (ValueRule::Optional, _) => Ok(()),
    }
}
