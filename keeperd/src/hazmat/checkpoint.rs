//! The journal's key at rest, sealed under the data key, as it lies in `secrets/audit/checkpoint`.
//!
//! ```text
//! two places, at 0 and 4096: magic "UGENTCKP" | u16 format | 6 bytes 0 | u64 counter | u64 step
//!                            | box (nonce, key, tag)
//! ```
//!
//! The newer place is written and synced before the older is overwritten with zeros, so that a
//! crash at any instant leaves one that can be opened, and no older key remains (INV-10, INV-12).

use super::aead::{KEY_LEN, OVERHEAD};
use super::chain_key::ChainKey;
use super::keys::{Keys, OpenError, SealError};

const MAGIC: [u8; 8] = *b"UGENTCKP";
const FORMAT: u16 = 1;
const HEAD_LEN: usize = 32;
/// Bytes of one checkpoint.
pub(crate) const CHECKPOINT_LEN: usize = HEAD_LEN + OVERHEAD + KEY_LEN;

/// A checkpoint, opened.
pub(crate) struct Checkpoint {
    /// The key as of this checkpoint.
    pub(crate) chain: ChainKey,
    /// Rises by one a checkpoint; the parity says which place it lies in.
    pub(crate) counter: u64,
    /// What is known of the one before.
    pub(crate) older: Older,
}

/// Whether the checkpoint before was overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Older {
    /// It is gone.
    Wiped,
    /// A crash left it, or part of it: the next checkpoint is to be made soon.
    Remains,
}

/// The bytes of a checkpoint.
pub(crate) fn seal(keys: &Keys, counter: u64, chain: &ChainKey) -> Result<Vec<u8>, SealError> {
    let mut bytes = Vec::with_capacity(CHECKPOINT_LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&counter.to_le_bytes());
    bytes.extend_from_slice(&chain.step().to_le_bytes());
    let sealed = keys.seal_chain(&bytes, chain)?;
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// Opens the bytes of one place.
pub(crate) fn open(keys: &Keys, bytes: &[u8]) -> Result<Checkpoint, OpenError> {
    let (head, boxed) = bytes.split_at_checked(HEAD_LEN).ok_or(OpenError::Damaged)?;
    let mut rest = head;
    let mut next = || -> Result<[u8; 8], OpenError> {
        let (first, after) = rest.split_first_chunk().ok_or(OpenError::Damaged)?;
        rest = after;
        Ok(*first)
    };
    let (magic, format, counter, step) = (next()?, next()?, next()?, next()?);
    if magic != MAGIC || u64::from_le_bytes(format) != u64::from(FORMAT) {
        return Err(OpenError::Damaged);
    }
    let key = keys.open_chain(head, boxed)?;
    if key.len() != KEY_LEN {
        return Err(OpenError::Damaged);
    }
    let chain = ChainKey::restored(key, u64::from_le_bytes(step));
    Ok(Checkpoint { chain, counter: u64::from_le_bytes(counter), older: Older::Wiped })
}
