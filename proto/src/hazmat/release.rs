//! Values going out: the sending side of a lane. A value is written to the socket from its slot.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::secret_bytes::SecretBytes;
use crate::frame::{FrameError, Message, encode};

/// Most slices given to one write (well below IOV_MAX, 1024).
const SLICES: usize = 64;

struct Waiting {
    head: Vec<u8>,
    value: Option<SecretBytes>,
    /// Bytes of head and value already written.
    written: usize,
}

impl Waiting {
    fn len(&self) -> usize {
        self.head.len() + self.value.as_ref().map_or(0, SecretBytes::len)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "INV-02: a released value goes from its slot to the socket"
    )]
    fn rest(&self) -> [&[u8]; 2] {
        let value = self.value.as_ref().map_or(&[][..], SecretBytes::expose);
        match self.head.get(self.written..) {
            Some(head) => [head, value],
            None => [&[], value.get(self.written - self.head.len()..).unwrap_or_default()],
        }
    }
}

/// Frames waiting to be written to a lane. A value's slot is wiped when its last byte was.
#[derive(Default)]
pub struct Outbound {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Outbound {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a frame behind the others.
    ///
    /// # Errors
    /// [`FrameError`] if the message does not fit in a frame, or not with that value. Nothing is
    /// queued then.
    pub fn push<M: Message>(&mut self, message: &M, value: Option<SecretBytes>) -> Result<(), FrameError> {
        let head = encode(message, value.as_ref().map_or(0, SecretBytes::len))?;
        let frame = Waiting { head, value, written: 0 };
        self.bytes += frame.len();
        self.waiting.push_back(frame);
        Ok(())
    }

    /// Whether everything was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many frames are not wholly written.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.waiting.len()
    }

    /// How many bytes are waiting: a peer that does not read can be told by it.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What to write next, from the first `frames` frames at most.
    #[must_use]
    pub fn slices(&self, frames: usize) -> Vec<IoSlice<'_>> {
        self.waiting
            .iter()
            .take(frames)
            .flat_map(Waiting::rest)
            .filter(|bytes| !bytes.is_empty())
            .take(SLICES)
            .map(IoSlice::new)
            .collect()
    }

    /// Says how many bytes of [`Outbound::slices`] were written.
    pub fn advance(&mut self, mut bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        while let Some(frame) = self.waiting.front_mut() {
            let rest = frame.len() - frame.written;
            if bytes < rest {
                frame.written += bytes;
                return;
            }
            bytes -= rest;
            self.waiting.pop_front();
        }
    }
}
