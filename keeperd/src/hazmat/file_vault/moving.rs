//! Out of the header, and into one: the keys of a vault that moves into a keychain, or comes from there.

use proto::control_lane::KdfCost;
use proto::hazmat::SecretBytes;

use super::{Header, Kek, SALT_LEN, VaultError, Wrapped, header, kdf, random};
use crate::hazmat::moving::BothKeys;

/// Both keys, if the passphrase is the header's.
pub(crate) fn unwrap_both(header: &[u8], passphrase: &SecretBytes) -> Result<BothKeys, VaultError> {
    let header = Header::decode(header)?;
    let (bound, kek) = (header.bound(), Kek::of(&header, passphrase)?);
    let data_key = kek.unwrap(Wrapped::DataKey, &bound, &header.data_key)?;
    let root = kek.unwrap(Wrapped::Root, &bound, &header.root)?;
    Ok(BothKeys { vault: header.vault, data_key, root })
}

/// A header with both keys, under that passphrase.
pub(crate) fn wrap_both(
    both: &BothKeys,
    passphrase: &SecretBytes,
    cost: KdfCost,
) -> Result<Vec<u8>, VaultError> {
    if !cost.is_acceptable() {
        return Err(VaultError::Cost);
    }
    let salt: [u8; SALT_LEN] = random()?;
    let bound = header::bound(cost, both.vault, &salt);
    let kek = Kek::new(kdf::derive(passphrase, &salt, cost)?)?;
    let data_key = kek.wrap(Wrapped::DataKey, &bound, &both.data_key)?;
    let root = kek.wrap(Wrapped::Root, &bound, &both.root)?;
    let check = kek.check(&bound);
    Ok(Header { cost, vault: both.vault, salt, check, data_key, root }.encode())
}
