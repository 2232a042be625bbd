//! The only place of this crate where plaintext is handled (INV-02).

use proto::hazmat::{NoSlot, SecretBytes};

/// A value, in locked memory, wiped when dropped. It cannot be printed, copied or compared.
pub struct Value(SecretBytes);

impl Value {
    /// Copies a text, as one that stands in a configuration.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left, or it is longer than 64 KiB.
    #[expect(clippy::disallowed_methods, reason = "INV-02: into its slot")]
    pub fn copied(bytes: &[u8]) -> Result<Self, NoSlot> {
        let mut slot = SecretBytes::zeroed(bytes.len())?;
        slot.expose_mut().copy_from_slice(bytes);
        Ok(Self(slot))
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The plaintext, for the one place that needs it. What is copied from here is no longer wiped.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "INV-02: the caller has asked for the value")]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The same as text, where it is text.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        str::from_utf8(self.expose()).ok()
    }

    /// As a message's value.
    pub(crate) fn into_slot(self) -> SecretBytes {
        self.0
    }

    pub(crate) const fn of(slot: SecretBytes) -> Self {
        Self(slot)
    }
}
