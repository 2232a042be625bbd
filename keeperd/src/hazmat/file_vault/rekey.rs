//! Another passphrase for a vault: the same data key and the same journal root, wrapped anew.
//!
//! The root is unwrapped here for as long as it takes to wrap it again, and kept by nobody: a
//! serving keeper must never hold it. Whoever has an older header and its passphrase still gets the
//! same data key out of that one.

use proto::control_lane::KdfCost;
use proto::hazmat::SecretBytes;

use super::{Header, Kek, SALT_LEN, VaultError, Wrapped, header, kdf, random};

/// The header under the new passphrase, with a salt of its own, at that cost.
pub(crate) fn rekey(
    header: &[u8],
    old: &SecretBytes,
    new: &SecretBytes,
    cost: KdfCost,
) -> Result<Vec<u8>, VaultError> {
    let before = Header::decode(header)?;
    if !cost.is_acceptable() {
        return Err(VaultError::Cost);
    }
    let (kek, was_bound) = (Kek::of(&before, old)?, before.bound());
    let salt: [u8; SALT_LEN] = random()?;
    let bound = header::bound(cost, before.vault, &salt);
    let next = Kek::new(kdf::derive(new, &salt, cost)?)?;
    let rewrap = |what: Wrapped, sealed: &[u8]| {
        let key = kek.unwrap(what, &was_bound, sealed)?;
        next.wrap(what, &bound, &key)
    };
    let data_key = rewrap(Wrapped::DataKey, &before.data_key)?;
    let root = rewrap(Wrapped::Root, &before.root)?;
    let check = next.check(&bound);
    Ok(Header { cost, vault: before.vault, salt, check, data_key, root }.encode())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "INV-02: the tests compare what was wrapped")]
mod tests {
    use super::super::{make, open, open_for_verifier};
    use super::*;
    use crate::hazmat::binding::{Binding, DepositId};
    use crate::hazmat::samples::secret;
    use proto::name::{Handle, Kind, ProviderId};

    #[test]
    fn the_new_passphrase_opens_the_same_keys_and_the_old_one_nothing() {
        let made = make(&secret(b"the old one"), KdfCost::MIN).unwrap();
        let dearer = KdfCost { passes: 2, ..KdfCost::MIN };
        let header = rekey(&made.header, &secret(b"the old one"), &secret(b"the new one"), dearer).unwrap();
        assert_eq!(header.len(), made.header.len());
        assert_eq!(open(&header, &secret(b"the old one")).err(), Some(VaultError::WrongPassphrase));

        let (handle, provider) = (Handle::parse("@a").unwrap(), ProviderId::generic());
        let binding = Binding {
            vault: made.keys.vault(),
            deposit: DepositId([7; 16]),
            handle: &handle,
            version: 1,
            provider: &provider,
            kind: Kind::ApiKey,
        };
        let sealed = made.keys.seal(&binding, &secret(b"a value")).unwrap();
        let (keys, chain) = open_for_verifier(&header, &secret(b"the new one")).unwrap();
        assert_eq!(keys.open(&binding, &sealed).unwrap().expose(), b"a value");
        assert_eq!(chain.key().expose(), made.chain.key().expose(), "the journal's first key is the same");
        assert_eq!(Header::decode(&header).unwrap().cost, dearer);
    }

    #[test]
    fn a_wrong_old_passphrase_and_a_cost_out_of_bounds_give_no_header() {
        let made = make(&secret(b"the old one"), KdfCost::MIN).unwrap();
        let wrong = rekey(&made.header, &secret(b"another"), &secret(b"new"), KdfCost::MIN);
        assert_eq!(wrong.err(), Some(VaultError::WrongPassphrase));
        let cost = KdfCost { memory_kib: u32::MAX, passes: 1 };
        let dear = rekey(&made.header, &secret(b"the old one"), &secret(b"new"), cost);
        assert_eq!(dear.err(), Some(VaultError::Cost));
    }

    #[test]
    fn the_same_passphrase_again_is_another_header() {
        let made = make(&secret(b"the same"), KdfCost::MIN).unwrap();
        let header = rekey(&made.header, &secret(b"the same"), &secret(b"the same"), KdfCost::MIN).unwrap();
        assert_ne!(header, made.header);
        assert!(open(&header, &secret(b"the same")).is_ok());
    }
}
