//! Values of the tests' own keeper: into slots, and out of them to look at.

#![expect(clippy::disallowed_methods, reason = "INV-02: the test plays keeperd, which fills and reads slots")]

use proto::hazmat::SecretBytes;

/// A slot with those bytes.
pub(crate) fn slot(bytes: &[u8]) -> SecretBytes {
    let mut slot = SecretBytes::zeroed(bytes.len()).unwrap();
    slot.expose_mut().copy_from_slice(bytes);
    slot
}

/// What is in a slot.
pub(crate) fn text(slot: &SecretBytes) -> String {
    String::from_utf8(slot.expose().to_vec()).unwrap()
}
