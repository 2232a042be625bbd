//! Two passphrases in one value: the old one, a NUL, the new one for `Rekey`; the one that opens, a
//! NUL, the one that seals for `Backup` and `Restore`. Neither may hold a NUL or be empty, so there is one way to take them apart; anything else is refused whole.

#![expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot")]

use super::{NoSlot, SecretBytes};

/// Both in one slot.
///
/// # Errors
/// [`NoSlot`] if no locked memory is left, or both together are longer than a value may be.
pub fn join(old: &SecretBytes, new: &SecretBytes) -> Result<SecretBytes, NoSlot> {
    let mut both = SecretBytes::zeroed(old.len().saturating_add(new.len()).saturating_add(1))?;
    let (first, rest) = both.expose_mut().split_at_mut_checked(old.len()).ok_or(NoSlot)?;
    first.copy_from_slice(old.expose());
    if let Some(second) = rest.get_mut(1..) {
        second.copy_from_slice(new.expose());
    }
    Ok(both)
}

/// The same bytes in a slot of their own.
///
/// # Errors
/// [`NoSlot`] if no locked memory is left.
pub fn again(one: &SecretBytes) -> Result<SecretBytes, NoSlot> {
    slot(one.expose())
}

/// Old and new, in slots of their own; none if these are not two passphrases.
///
/// # Errors
/// [`NoSlot`] if no locked memory is left.
pub fn part(both: &SecretBytes) -> Result<Option<(SecretBytes, SecretBytes)>, NoSlot> {
    let mut parts = both.expose().split(|byte| *byte == 0);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(old), Some(new), None) if !old.is_empty() && !new.is_empty() => {
            Ok(Some((slot(old)?, slot(new)?)))
        }
        (_, _, _) => Ok(None),
    }
}

fn slot(bytes: &[u8]) -> Result<SecretBytes, NoSlot> {
    let mut slot = SecretBytes::zeroed(bytes.len())?;
    slot.expose_mut().copy_from_slice(bytes);
    Ok(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_passphrases_come_apart_as_they_were_joined() {
        let both = join(&slot(b"old one").unwrap(), &slot(b"n").unwrap()).unwrap();
        let (old, new) = part(&both).unwrap().unwrap();
        assert_eq!((old.expose(), new.expose()), (&b"old one"[..], &b"n"[..]));
    }

    #[test]
    fn anything_else_is_none() {
        for bytes in [&b""[..], b"one", b"\0new", b"old\0", b"\0", b"a\0b\0c", b"a\0\0c"] {
            assert!(part(&slot(bytes).unwrap()).unwrap().is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn two_that_are_too_long_together_are_refused() {
        let half = slot(&[b'x'; crate::frame::VALUE_MAX / 2]).unwrap();
        assert!(join(&half, &half).is_err());
    }
}
