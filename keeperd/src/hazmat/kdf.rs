//! Passphrase to key: Argon2id version 0x13 (RFC 9106), one lane, 32 bytes.
//!
//! The memory it fills is ours and is wiped on every path; the crate would not wipe its own.

#![expect(clippy::disallowed_methods, reason = "INV-02: a passphrase is turned into a key here")]

use argon2::{Algorithm, Argon2, Block, Params, Version};
use proto::control_lane::KdfCost;
use proto::hazmat::SecretBytes;
use zeroize::Zeroize;

use super::aead::KEY_LEN;
use super::file_vault::VaultError;

/// Bytes of salt.
pub(super) const SALT_LEN: usize = 16;

/// Derives the key that opens a vault. The cost must have been found acceptable before.
pub(super) fn derive(
    passphrase: &SecretBytes,
    salt: &[u8; SALT_LEN],
    cost: KdfCost,
) -> Result<SecretBytes, VaultError> {
    let params =
        Params::new(cost.memory_kib, cost.passes, 1, Some(KEY_LEN)).map_err(|_| VaultError::Damaged)?;
    let mut blocks = Blocks::new(params.block_count())?;
    let mut key = SecretBytes::zeroed(KEY_LEN)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase.expose(), salt, key.expose_mut(), blocks.0.as_mut_slice())
        .map_err(|_| VaultError::Damaged)?;
    Ok(key)
}

struct Blocks(Vec<Block>);

impl Blocks {
    fn new(count: usize) -> Result<Self, VaultError> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).map_err(|_| VaultError::NoMemory)?;
        blocks.resize(count, Block::new());
        Ok(Self(blocks))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_passphrase_salt_and_cost() {
        let passphrase = |text: &[u8]| {
            let mut secret = SecretBytes::zeroed(text.len()).unwrap();
            secret.expose_mut().copy_from_slice(text);
            secret
        };
        let dearer = KdfCost { passes: 2, ..KdfCost::MIN };
        let keys = [
            derive(&passphrase(b"one"), &[1; SALT_LEN], KdfCost::MIN).unwrap(),
            derive(&passphrase(b"two"), &[1; SALT_LEN], KdfCost::MIN).unwrap(),
            derive(&passphrase(b"one"), &[2; SALT_LEN], KdfCost::MIN).unwrap(),
            derive(&passphrase(b"one"), &[1; SALT_LEN], dearer).unwrap(),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(keys[index + 1..].iter().all(|other| other.expose() != key.expose()));
        }
        let again = derive(&passphrase(b"one"), &[1; SALT_LEN], KdfCost::MIN).unwrap();
        assert_eq!(again.expose(), keys[0].expose());
    }
}
