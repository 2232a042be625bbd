//! Values of these tests: made up here, so that looking at them gives nothing away.

use proto::hazmat::SecretBytes;

/// A value of these bytes.
#[expect(clippy::disallowed_methods, reason = "INV-02: a made-up value of a test")]
pub(crate) fn value_of(bytes: &[u8]) -> SecretBytes {
    let mut value = SecretBytes::zeroed(bytes.len()).expect("locked memory");
    value.expose_mut().copy_from_slice(bytes);
    value
}

/// The bytes of a value.
#[expect(clippy::disallowed_methods, reason = "INV-02: a made-up value of a test")]
pub(crate) fn bytes_of(value: &SecretBytes) -> Vec<u8> {
    value.expose().to_vec()
}
