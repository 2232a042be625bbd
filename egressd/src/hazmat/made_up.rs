//! Values that tests make up. Never part of a build that is shipped.

#![expect(clippy::disallowed_methods, reason = "INV-02: the tests fill a slot")]

use std::rc::Rc;

use proto::hazmat::SecretBytes;

/// A slot with those bytes.
pub(crate) fn value(bytes: &[u8]) -> Rc<SecretBytes> {
    let mut slot = SecretBytes::zeroed(bytes.len()).unwrap();
    slot.expose_mut().copy_from_slice(bytes);
    Rc::new(slot)
}
