//! The token a client presented, on its way to keeperd, which alone judges it.

use proto::hazmat::{NoSlot, SecretBytes};
use proto::lease_lane::TOKEN_MAX;

/// Copies a token into a slot. A token longer than any that is issued becomes a single byte, which
/// no token is: so that keeperd refuses and records it like every other wrong one, instead of the
/// request passing for one without a token.
#[expect(clippy::disallowed_methods, reason = "INV-02: a presented token goes from its header to a slot")]
pub(crate) fn in_slot(token: &[u8]) -> Result<SecretBytes, NoSlot> {
    let token = if token.len() > TOKEN_MAX { b"-" } else { token };
    let mut slot = SecretBytes::zeroed(token.len())?;
    slot.expose_mut().copy_from_slice(token);
    Ok(slot)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "INV-02: the tests look at what is in the slot")]
mod tests {
    use super::*;

    #[test]
    fn an_overlong_token_becomes_one_that_no_token_is() {
        assert_eq!(in_slot(b"abc").unwrap().expose(), b"abc");
        assert_eq!(in_slot(&[b'a'; TOKEN_MAX]).unwrap().len(), TOKEN_MAX);
        assert_eq!(in_slot(&[b'a'; TOKEN_MAX + 1]).unwrap().expose(), b"-");
    }
}
