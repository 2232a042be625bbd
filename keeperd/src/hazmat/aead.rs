//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) between slots and ciphertext, with a random nonce.
//!
//! A box is nonce, ciphertext, tag. Plaintext is read from a slot and written to a slot; it must
//! never touch a buffer in between, which is why the allocating calls of the crate are not used.

#![expect(clippy::disallowed_methods, reason = "INV-02: sealing reads and writes plaintext in its slot")]

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use proto::hazmat::{NoSlot, SecretBytes};

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// By how much a box is longer than its plaintext.
pub(super) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    /// The kernel gave no random bytes.
    NoRandom,
    /// No locked memory is left.
    NoSlot,
}

/// Why a box stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// Cut, changed, sealed by another key, or not the box it is said to be.
    Damaged,
    /// No locked memory is left for what is in it.
    NoSlot,
}

impl From<NoSlot> for SealError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

impl From<NoSlot> for OpenError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

/// Seals what is in `plain`, bound to `aad`.
pub(super) fn seal(key: &SecretBytes, aad: &[u8], plain: &SecretBytes) -> Result<Vec<u8>, SealError> {
    let mut sealed = vec![0; plain.len() + OVERHEAD];
    let (nonce, rest) = sealed.split_at_mut(NONCE_LEN);
    let (text, tag_place) = rest.split_at_mut(plain.len());
    getrandom::fill(nonce).map_err(|_| SealError::NoRandom)?;
    // Neither conversion can fail: the lengths are those of the types.
    let nonce = XNonce::try_from(&*nonce).map_err(|_| SealError::NoSlot)?;
    let buffer = InOutBuf::new(plain.expose(), text).map_err(|_| SealError::NoSlot)?;
    let tag = cipher(key)
        .ok_or(SealError::NoSlot)?
        .encrypt_inout_detached(&nonce, aad, buffer)
        .map_err(|_| SealError::NoSlot)?;
    tag_place.copy_from_slice(&tag);
    Ok(sealed)
}

/// Opens a box into a slot, if it was sealed by this key and bound to `aad`.
pub(super) fn open(key: &SecretBytes, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(OpenError::Damaged)?;
    let length = rest.len().checked_sub(TAG_LEN).ok_or(OpenError::Damaged)?;
    let (text, tag) = rest.split_at_checked(length).ok_or(OpenError::Damaged)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| OpenError::Damaged)?;
    let tag = Tag::try_from(tag).map_err(|_| OpenError::Damaged)?;
    let mut plain = SecretBytes::zeroed(length)?;
    let buffer = InOutBuf::new(text, plain.expose_mut()).map_err(|_| OpenError::Damaged)?;
    cipher(key)
        .ok_or(OpenError::Damaged)?
        .decrypt_inout_detached(&nonce, aad, buffer, &tag)
        .map_err(|_| OpenError::Damaged)?;
    Ok(plain)
}

/// The cipher holds a copy of the key on the stack and wipes it when dropped.
fn cipher(key: &SecretBytes) -> Option<XChaCha20Poly1305> {
    <&Key>::try_from(key.expose()).ok().map(XChaCha20Poly1305::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> SecretBytes {
        let mut secret = SecretBytes::zeroed(bytes.len()).unwrap();
        secret.expose_mut().copy_from_slice(bytes);
        secret
    }

    #[test]
    fn a_box_opens_only_whole_by_its_key_and_for_its_purpose() {
        let (key, other) = (secret(&[7; KEY_LEN]), secret(&[8; KEY_LEN]));
        let sealed = seal(&key, b"for this", &secret(b"a value")).unwrap();
        assert_eq!(open(&key, b"for this", &sealed).unwrap().expose(), b"a value");
        assert_eq!(open(&key, b"for that", &sealed).err(), Some(OpenError::Damaged));
        assert_eq!(open(&other, b"for this", &sealed).err(), Some(OpenError::Damaged));
        for length in 0..sealed.len() {
            assert_eq!(open(&key, b"for this", &sealed[..length]).err(), Some(OpenError::Damaged));
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&key, b"for this", &flipped).err(), Some(OpenError::Damaged));
        }
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        let key = secret(&[7; KEY_LEN]);
        let value = secret(b"a value");
        assert_ne!(seal(&key, b"", &value).unwrap(), seal(&key, b"", &value).unwrap());
    }
}
