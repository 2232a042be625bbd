//! Values and passphrases for tests, made in slots, and a way to compare what came back.

#![expect(clippy::disallowed_methods, reason = "INV-02: tests fill and compare values")]

use proto::hazmat::SecretBytes;

/// A value of those bytes.
pub(crate) fn secret(bytes: &[u8]) -> SecretBytes {
    let mut secret = SecretBytes::zeroed(bytes.len()).unwrap();
    secret.expose_mut().copy_from_slice(bytes);
    secret
}

/// Whether a value is those bytes.
pub(crate) fn is(secret: &SecretBytes, bytes: &[u8]) -> bool {
    secret.expose() == bytes
}
