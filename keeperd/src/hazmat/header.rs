//! The vault's header, as it lies in `secrets/vault/header`: all that a passphrase needs to open
//! the vault. Parsing it needs no secret and believes nothing before the checksum fits.
//!
//! ```text
//! magic "UGENTVLT" | u16 format | u16 kdf (1: Argon2id 0x13) | u32 memory in KiB | u32 passes
//! | u32 lanes (1) | 16 vault id | 16 salt | 32 key check
//! | 72 box of the data key | 72 box of the journal's root | 32 BLAKE3 of all before
//! ```
//!
//! The checksum tells damage from a wrong passphrase; it has no key and proves nothing. All bytes
//! before the key check are bound to the check and to both boxes.

use proto::control_lane::KdfCost;

use super::aead::{KEY_LEN, OVERHEAD};
use super::binding::VaultId;
use super::file_vault::VaultError;
use super::kdf::SALT_LEN;

const MAGIC: [u8; 8] = *b"UGENTVLT";
const FORMAT: u16 = 1;
const ARGON2ID: u16 = 1;
const LANES: u32 = 1;
const CHECK_LEN: usize = 32;
const SUM_LEN: usize = 32;
/// Bytes of a wrapped key.
pub(super) const WRAPPED_LEN: usize = KEY_LEN + OVERHEAD;
const BOUND_LEN: usize = 56;
/// Bytes of the header.
pub(crate) const HEADER_LEN: usize = BOUND_LEN + CHECK_LEN + 2 * WRAPPED_LEN + SUM_LEN;

/// What the header says.
pub(super) struct Header {
    pub(super) cost: KdfCost,
    pub(super) vault: VaultId,
    pub(super) salt: [u8; SALT_LEN],
    pub(super) check: [u8; CHECK_LEN],
    pub(super) data_key: [u8; WRAPPED_LEN],
    pub(super) root: [u8; WRAPPED_LEN],
}

/// The bytes that the key check and both boxes are bound to.
pub(super) fn bound(cost: KdfCost, vault: VaultId, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&ARGON2ID.to_le_bytes());
    bytes.extend_from_slice(&cost.memory_kib.to_le_bytes());
    bytes.extend_from_slice(&cost.passes.to_le_bytes());
    bytes.extend_from_slice(&LANES.to_le_bytes());
    bytes.extend_from_slice(&vault.0);
    bytes.extend_from_slice(salt);
    bytes
}

impl Header {
    /// As [`bound`], of this header.
    pub(super) fn bound(&self) -> Vec<u8> {
        bound(self.cost, self.vault, &self.salt)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.bound();
        bytes.extend_from_slice(&self.check);
        bytes.extend_from_slice(&self.data_key);
        bytes.extend_from_slice(&self.root);
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, VaultError> {
        let mut rest = bytes;
        if *take::<8>(&mut rest)? != MAGIC {
            return Err(VaultError::Damaged);
        }
        // Before the checksum, since a later format may place it elsewhere.
        if u16::from_le_bytes(*take(&mut rest)?) > FORMAT {
            return Err(VaultError::FromTheFuture);
        }
        let (body, sum) = bytes.split_last_chunk::<SUM_LEN>().ok_or(VaultError::Damaged)?;
        if bytes.len() != HEADER_LEN || blake3::hash(body) != *sum {
            return Err(VaultError::Damaged);
        }
        let kdf = u16::from_le_bytes(*take(&mut rest)?);
        let cost = KdfCost {
            memory_kib: u32::from_le_bytes(*take(&mut rest)?),
            passes: u32::from_le_bytes(*take(&mut rest)?),
        };
        let lanes = u32::from_le_bytes(*take(&mut rest)?);
        let header = Self {
            cost,
            vault: VaultId(*take(&mut rest)?),
            salt: *take(&mut rest)?,
            check: *take(&mut rest)?,
            data_key: *take(&mut rest)?,
            root: *take(&mut rest)?,
        };
        // A forged cost must not exhaust the machine; and what is read must be what is bound.
        if kdf != ARGON2ID || lanes != LANES || !cost.is_acceptable() || header.encode() != bytes {
            return Err(VaultError::Damaged);
        }
        Ok(header)
    }
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], VaultError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(VaultError::Damaged)?;
    *bytes = rest;
    Ok(first)
}
