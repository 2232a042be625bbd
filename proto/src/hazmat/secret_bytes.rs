//! `SecretBytes`: where a value lives.

use super::mapping::NoSlot;
use super::slots::Slot;
use crate::frame::VALUE_MAX;

/// A value in a slot of locked memory, wiped on drop. INV-01: nothing can print, copy, compare
/// or serialize it, and `expose` is disallowed outside `hazmat/`.
///
/// At most [`VALUE_MAX`] bytes.
pub struct SecretBytes {
    slot: Slot,
    len: usize,
}

impl SecretBytes {
    /// Room for `len` bytes, all zeros, to be filled in place.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left or `len` is above [`VALUE_MAX`].
    pub fn zeroed(len: usize) -> Result<Self, NoSlot> {
        if len > VALUE_MAX {
            return Err(NoSlot);
        }
        Ok(Self { slot: Slot::new(len)?, len })
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Shortens the value and wipes what is cut off. A longer `len` changes nothing.
    pub fn truncate(&mut self, len: usize) {
        if let Some(rest) = self.slot.bytes_mut().get_mut(len..) {
            zeroize::Zeroize::zeroize(rest);
        }
        self.len = self.len.min(len);
    }

    /// The plaintext. Only files under `hazmat/` may ask for it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.slot.bytes().get(..self.len).unwrap_or_default()
    }

    /// The plaintext, to be written in place. Only files under `hazmat/` may ask for it.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        self.slot.bytes_mut().get_mut(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "INV-02: the tests of SecretBytes itself")]
mod tests {
    use super::*;

    #[test]
    fn truncate_wipes_what_it_cuts_off() {
        let mut secret = SecretBytes::zeroed(8).unwrap();
        secret.expose_mut().copy_from_slice(b"12345678");
        secret.truncate(3);
        assert_eq!(secret.expose(), b"123");
        assert!(secret.slot.bytes()[3..].iter().all(|b| *b == 0));
    }

    #[test]
    fn longer_than_a_value_may_be_is_refused() {
        assert!(SecretBytes::zeroed(VALUE_MAX).is_ok());
        assert!(SecretBytes::zeroed(VALUE_MAX + 1).is_err());
    }
}
