//! Passphrases in slots, for a request that no command would send.

#![expect(clippy::disallowed_methods, reason = "INV-02: a test's own passphrases")]

use proto::hazmat::{SecretBytes, pair};

/// Both in one slot.
pub(crate) fn both_of(one: &str, other: &str) -> SecretBytes {
    pair::join(&slot(one), &slot(other)).unwrap()
}

fn slot(text: &str) -> SecretBytes {
    let mut slot = SecretBytes::zeroed(text.len()).unwrap();
    slot.expose_mut().copy_from_slice(text.as_bytes());
    slot
}
