//! `Room`: locked memory longer than any value, for what is put together of several.

use super::mapping::{Mapping, NoSlot};

/// Locked memory of any length, all zeros at first, wiped on drop. INV-01 as for a value: nothing can
/// print, copy, compare or serialize it, and `expose` is disallowed outside `hazmat/`.
pub struct Room {
    mapping: Mapping,
    len: usize,
}

impl Room {
    /// Room for `len` bytes.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    pub fn zeroed(len: usize) -> Result<Self, NoSlot> {
        Ok(Self { mapping: Mapping::new(len)?, len })
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no room at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is in it. Only files under `hazmat/` may ask for it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.mapping.bytes().get(..self.len).unwrap_or_default()
    }

    /// The same, to be written in place. Only files under `hazmat/` may ask for it.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        self.mapping.bytes_mut().get_mut(..self.len).unwrap_or_default()
    }
}
