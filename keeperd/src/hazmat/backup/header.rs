//! The head of a backup: from a passphrase to the key of its pieces. It must give no key for a header
//! that was changed, and derive nothing at a cost that is out of bounds.
//!
//! ```text
//! magic "UGENTBAK" | u16 format | u16 kdf (1: Argon2id 0x13) | u32 memory in KiB | u32 passes
//! | u32 lanes (1) | 16 salt | 32 key check | 32 BLAKE3 of all before
//! ```
//!
//! The checksum tells damage from a wrong passphrase; it has no key and proves nothing. All bytes
//! before the key check are bound to the check and to every piece.

use proto::control_lane::KdfCost;
use proto::hazmat::SecretBytes;

use super::BackupError;
use crate::hazmat::kdf::{self, SALT_LEN};
use crate::hazmat::keys::{derive, keyed};

const MAGIC: [u8; 8] = *b"UGENTBAK";
const FORMAT: u16 = 1;
const ARGON2ID: u16 = 1;
const LANES: u32 = 1;
const CHECK_LEN: usize = 32;
const SUM_LEN: usize = 32;
/// Bytes of the part that all is bound to.
pub(super) const BOUND_LEN: usize = 24 + SALT_LEN;
/// Bytes of the header.
pub(crate) const HEADER_LEN: usize = BOUND_LEN + CHECK_LEN + SUM_LEN;

// Contexts of BLAKE3's key derivation: each is used for one key and nothing else, for ever.
const FOR_CHECK: &str = "UGENT Vault backup v1: key check";
const FOR_PIECES: &str = "UGENT Vault backup v1: sealing of pieces";

/// What seals and opens the pieces of one backup. Its salt is its own, so no two have the same.
pub(crate) struct Key {
    pub(super) pieces: SecretBytes,
    pub(super) bound: [u8; BOUND_LEN],
}

/// A header for a new backup, and its key.
pub(crate) fn make(passphrase: &SecretBytes, cost: KdfCost) -> Result<([u8; HEADER_LEN], Key), BackupError> {
    if !cost.is_acceptable() {
        return Err(BackupError::Cost);
    }
    let mut salt = [0; SALT_LEN];
    getrandom::fill(&mut salt).map_err(|_| BackupError::NoRandom)?;
    let bound = bound(cost, &salt);
    let (check, key) = key(passphrase, cost, &salt, bound)?;
    let mut header = [bound.as_slice(), &check].concat();
    let sum = blake3::hash(&header);
    header.extend_from_slice(sum.as_bytes());
    Ok((header.try_into().map_err(|_| BackupError::Damaged)?, key))
}

/// The key of a backup that begins so, if the passphrase is its own. A file that is shorter than a
/// header is given as far as it goes.
pub(crate) fn open(header: &[u8], passphrase: &SecretBytes) -> Result<Key, BackupError> {
    let mut rest = header;
    if *take::<8>(&mut rest).map_err(|_| BackupError::None)? != MAGIC {
        return Err(BackupError::None);
    }
    // Before the checksum, since a later format may place it elsewhere.
    if u16::from_le_bytes(*take(&mut rest)?) > FORMAT {
        return Err(BackupError::FromTheFuture);
    }
    let kdf = u16::from_le_bytes(*take(&mut rest)?);
    let memory_kib = u32::from_le_bytes(*take(&mut rest)?);
    let passes = u32::from_le_bytes(*take(&mut rest)?);
    let lanes = u32::from_le_bytes(*take(&mut rest)?);
    let salt: &[u8; SALT_LEN] = take(&mut rest)?;
    let check: &[u8; CHECK_LEN] = take(&mut rest)?;
    let sum: &[u8; SUM_LEN] = take(&mut rest)?;
    let cost = KdfCost { memory_kib, passes };
    let bound = bound(cost, salt);
    let summed = blake3::hash(&[bound.as_slice(), check].concat());
    // A forged cost must not exhaust the machine; and what is read must be what is bound.
    let is_whole = rest.is_empty() && header.starts_with(&bound) && summed == *sum;
    if !is_whole || kdf != ARGON2ID || lanes != LANES || !cost.is_acceptable() {
        return Err(BackupError::Damaged);
    }
    let (own, key) = key(passphrase, cost, salt, bound)?;
    if own == *check { Ok(key) } else { Err(BackupError::WrongPassphrase) }
}

fn key(
    passphrase: &SecretBytes,
    cost: KdfCost,
    salt: &[u8; SALT_LEN],
    bound: [u8; BOUND_LEN],
) -> Result<([u8; CHECK_LEN], Key), BackupError> {
    let derived = kdf::derive(passphrase, salt, cost)?;
    let check = keyed(&derive(FOR_CHECK, &derived)?, &bound);
    Ok((check, Key { pieces: derive(FOR_PIECES, &derived)?, bound }))
}

fn bound(cost: KdfCost, salt: &[u8; SALT_LEN]) -> [u8; BOUND_LEN] {
    let mut bytes = [0; BOUND_LEN];
    let parts: [&[u8]; 7] = [
        &MAGIC,
        &FORMAT.to_le_bytes(),
        &ARGON2ID.to_le_bytes(),
        &cost.memory_kib.to_le_bytes(),
        &cost.passes.to_le_bytes(),
        &LANES.to_le_bytes(),
        salt,
    ];
    for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    bytes
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], BackupError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(BackupError::Cut)?;
    *bytes = rest;
    Ok(first)
}
