//! A vault's two keys, bare, for as long as it takes to put them under another protection: a vault that
//! moves into a keychain or out of it keeps both, so that every sealed value, fingerprint and link of
//! the journal stays what it was. Only the keeper of a command does this; one that serves a broker must
//! never hold the root.

#![expect(clippy::disallowed_methods, reason = "INV-02: keys and values are compared here")]

use proto::hazmat::{NoSlot, SecretBytes, pair};

use super::binding::VaultId;
use super::keys::Keys;

/// Both keys of a vault.
pub(crate) struct BothKeys {
    pub(super) vault: VaultId,
    pub(super) data_key: SecretBytes,
    pub(super) root: SecretBytes,
}

impl BothKeys {
    /// What the data key opens.
    pub(crate) fn keys(&self) -> Result<Keys, NoSlot> {
        Keys::new(self.vault, pair::again(&self.data_key)?)
    }

    /// Whether they are the same as those.
    pub(crate) fn are(&self, others: &Self) -> bool {
        self.vault == others.vault
            && is_same(&self.data_key, &others.data_key)
            && is_same(&self.root, &others.root)
    }
}

/// Whether what was read back is what was written. Takes as long wherever they differ.
pub(crate) fn is_same(one: &SecretBytes, other: &SecretBytes) -> bool {
    let pairs = one.expose().iter().zip(other.expose());
    one.len() == other.len() && pairs.fold(0, |apart, (one, other)| apart | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use proto::control_lane::KdfCost;

    use super::*;
    use crate::hazmat::samples::secret;
    use crate::hazmat::{file_vault, keychain_vault};

    #[test]
    fn a_vault_that_moves_there_and_back_has_the_keys_it_had() {
        let (first, second) = (secret(b"open sesame"), secret(b"open barley"));
        let made = file_vault::make(&first, KdfCost::MIN).unwrap();
        assert!(file_vault::unwrap_both(&made.header, &second).is_err());
        let both = file_vault::unwrap_both(&made.header, &first).unwrap();
        let (data_key, root) = keychain_vault::items(&both).unwrap();
        let vault = made.keys.vault();
        let fetched = keychain_vault::both(vault, &data_key, &root).unwrap();
        assert!(fetched.are(&both));
        let header = file_vault::wrap_both(&fetched, &second, KdfCost::MIN).unwrap();
        let (keys, chain) = file_vault::open_for_verifier(&header, &second).unwrap();
        assert_eq!(keys.vault(), vault);
        assert_eq!(keys.head_mac(b"a head"), made.keys.head_mac(b"a head"));
        assert_eq!(chain.link(b"x"), made.chain.link(b"x"));
        // Each in the other's place.
        assert!(!keychain_vault::both(vault, &root, &data_key).unwrap().are(&both));
    }

    #[test]
    fn values_are_the_same_only_whole() {
        for (one, other, same) in [
            (b"abc".as_slice(), b"abc".as_slice(), true),
            (b"abc", b"abd", false),
            (b"abc", b"ab", false),
            (b"abc", b"abcd", false),
        ] {
            assert_eq!(is_same(&secret(one), &secret(other)), same);
        }
    }
}
