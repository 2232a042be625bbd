//! The keys of a vault in a keychain: two items that `init` makes. The data key opens everything; the
//! root verifies the journal, and only a verifier fetches it (INV-10). No passphrase protects them but
//! the keychain's own.
//!
//! They rest there as hexadecimal digits, since some keychains keep texts only.

#![expect(clippy::disallowed_methods, reason = "INV-02: keys are made and read here")]

use proto::hazmat::{NoSlot, SecretBytes};

use super::aead::KEY_LEN;
use super::binding::VaultId;
use super::chain_key::ChainKey;
use super::keys::Keys;
use super::moving::BothKeys;

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// What came from the keychain is no key.
    Damaged,
    /// No locked memory is left.
    NoSlot,
    /// The kernel gave no random bytes.
    NoRandom,
}

impl From<NoSlot> for KeyError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

/// A vault that was just made.
pub(crate) struct NewVault {
    /// For the keychain.
    pub(crate) data_key: SecretBytes,
    /// For the keychain.
    pub(crate) root: SecretBytes,
    pub(crate) keys: Keys,
    /// Of step 1.
    pub(crate) chain: ChainKey,
}

/// Makes keys.
pub(crate) fn make() -> Result<NewVault, KeyError> {
    let mut vault = [0; 16];
    getrandom::fill(&mut vault).map_err(|_| KeyError::NoRandom)?;
    let (data_key, root) = (random_key()?, random_key()?);
    let shown = (digits(&data_key)?, digits(&root)?);
    let chain = ChainKey::first(&root)?;
    drop(root);
    let keys = Keys::new(VaultId(vault), data_key)?;
    Ok(NewVault { data_key: shown.0, root: shown.1, keys, chain })
}

/// The keys by the data key's item.
pub(crate) fn open(vault: VaultId, data_key: &SecretBytes) -> Result<Keys, KeyError> {
    Ok(Keys::new(vault, key(data_key)?)?)
}

/// Both keys by their items, for a vault that moves.
pub(crate) fn both(vault: VaultId, data_key: &SecretBytes, root: &SecretBytes) -> Result<BothKeys, KeyError> {
    Ok(BothKeys { vault, data_key: key(data_key)?, root: key(root)? })
}

/// The data key's item, and the root's.
pub(crate) fn items(both: &BothKeys) -> Result<(SecretBytes, SecretBytes), KeyError> {
    Ok((digits(&both.data_key)?, digits(&both.root)?))
}

/// The journal's first key by the root's item, for a verifier only.
pub(crate) fn first(root: &SecretBytes) -> Result<ChainKey, KeyError> {
    Ok(ChainKey::first(&key(root)?)?)
}

fn random_key() -> Result<SecretBytes, KeyError> {
    let mut key = SecretBytes::zeroed(KEY_LEN)?;
    getrandom::fill(key.expose_mut()).map_err(|_| KeyError::NoRandom)?;
    Ok(key)
}

fn digits(key: &SecretBytes) -> Result<SecretBytes, KeyError> {
    let mut text = SecretBytes::zeroed(key.len() * 2)?;
    for (pair, byte) in text.expose_mut().chunks_exact_mut(2).zip(key.expose()) {
        for (place, digit) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            // Without a table: which of its lines was read would tell of the key.
            *place = digit + b'0' + (u8::from(digit > 9) * (b'a' - b'0' - 10));
        }
    }
    Ok(text)
}

fn key(text: &SecretBytes) -> Result<SecretBytes, KeyError> {
    if text.len() != KEY_LEN * 2 {
        return Err(KeyError::Damaged);
    }
    let mut key = SecretBytes::zeroed(KEY_LEN)?;
    for (place, pair) in key.expose_mut().iter_mut().zip(text.expose().chunks_exact(2)) {
        for byte in pair {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return Err(KeyError::Damaged),
            };
            *place = (*place << 4) | digit;
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_digits_and_nothing_else_is_a_key() {
        let made = make().unwrap();
        let data_key = key(&made.data_key).unwrap();
        assert_eq!(digits(&data_key).unwrap().expose(), made.data_key.expose());
        let opened = open(made.keys.vault(), &made.data_key).unwrap();
        assert_eq!(opened.head_mac(b"a head"), made.keys.head_mac(b"a head"));
        assert_eq!(first(&made.root).unwrap().link(b"x"), made.chain.link(b"x"));
        for other in [b"".as_slice(), &[b'0'; 63], &[b'0'; 65], &[b'G'; 64], &[0xff; 64]] {
            let mut text = SecretBytes::zeroed(other.len()).unwrap();
            text.expose_mut().copy_from_slice(other);
            assert!(open(made.keys.vault(), &text).is_err());
        }
    }
}
