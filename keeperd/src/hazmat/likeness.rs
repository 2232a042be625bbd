//! Whether two values are the same, in a time that depends on their lengths alone. Tells no more.

#![expect(clippy::disallowed_methods, reason = "INV-02: both are looked at in their slots")]

use proto::cli_lane::Likeness;
use proto::hazmat::SecretBytes;

/// Compares them.
pub(crate) fn likeness(one: &SecretBytes, other: &SecretBytes) -> Likeness {
    let differing = one.expose().iter().zip(other.expose()).fold(0, |all, (one, other)| all | (one ^ other));
    match (one.len() == other.len(), std::hint::black_box(differing)) {
        (true, 0) => Likeness::Same,
        (true, _) | (false, _) => Likeness::Different,
    }
}
