//! The keys of an open vault, all derived from its data key, and what is done with them.
//!
//! The data key itself is wiped once these are derived: only the passphrase brings it back.

#![expect(clippy::disallowed_methods, reason = "INV-02: values are sealed and opened here")]

use proto::hazmat::{NoSlot, SecretBytes};
use proto::meta::Fingerprint;
use proto::name::NameError;
use zeroize::Zeroize;

use super::aead::{self, KEY_LEN};
pub(crate) use super::aead::{OpenError, SealError};
use super::binding::{Binding, SEALED_FORMAT, VaultId};
use super::chain_key::{ChainKey, LINK_LEN};

const MAGIC: [u8; 8] = *b"UGENTSEC";
/// Magic, format, two zero bytes.
const HEAD_LEN: usize = 12;
/// The longest sealed file there can be.
pub(crate) const SEALED_MAX: usize = HEAD_LEN + aead::OVERHEAD + proto::frame::VALUE_MAX;

// Contexts of BLAKE3's key derivation: each is used for one key and nothing else, for ever.
const FOR_VALUES: &str = "UGENT Vault file-vault v1: sealing of values";
const FOR_FINGERPRINTS: &str = "UGENT Vault file-vault v1: fingerprints of values";
const FOR_CHECKPOINTS: &str = "UGENT Vault file-vault v1: sealing of journal checkpoints";
const FOR_HEADS: &str = "UGENT Vault file-vault v1: authentication of journal heads";

/// The keys of an open vault. Shared as `Arc<Keys>`; wiped with its last owner.
pub(crate) struct Keys {
    vault: VaultId,
    values: SecretBytes,
    fingerprints: SecretBytes,
    checkpoints: SecretBytes,
    heads: SecretBytes,
}

/// A value as it rests: format, nonce, ciphertext, tag. Not secret, but as good as the value to
/// whoever has the passphrase.
pub(crate) struct Sealed(Box<[u8]>);

impl Sealed {
    /// As read from a file; checked when it is opened.
    pub(crate) fn from_file(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// As it is written to a file.
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Keys {
    /// Derives all keys from the data key, which is wiped.
    pub(super) fn new(vault: VaultId, data_key: SecretBytes) -> Result<Self, NoSlot> {
        let keys = Self {
            vault,
            values: derive(FOR_VALUES, &data_key)?,
            fingerprints: derive(FOR_FINGERPRINTS, &data_key)?,
            checkpoints: derive(FOR_CHECKPOINTS, &data_key)?,
            heads: derive(FOR_HEADS, &data_key)?,
        };
        drop(data_key);
        Ok(keys)
    }

    /// The vault these open.
    pub(crate) const fn vault(&self) -> VaultId {
        self.vault
    }

    /// Twelve hex characters of a keyed hash: equal for equal values, and without the key useless
    /// for guessing the value.
    pub(crate) fn fingerprint(&self, value: &SecretBytes) -> Result<Fingerprint, NameError> {
        let hash = keyed(&self.fingerprints, value.expose());
        let hex: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Fingerprint::parse(&hex)
    }

    /// Seals a value so that it opens only under the same binding.
    pub(crate) fn seal(&self, binding: &Binding<'_>, value: &SecretBytes) -> Result<Sealed, SealError> {
        let mut bytes = Vec::with_capacity(HEAD_LEN + aead::OVERHEAD + value.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&SEALED_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&aead::seal(&self.values, &binding.encode(), value)?);
        Ok(Sealed(bytes.into()))
    }

    /// Opens a sealed value into a slot.
    pub(crate) fn open(&self, binding: &Binding<'_>, sealed: &Sealed) -> Result<SecretBytes, OpenError> {
        let (head, boxed) = sealed.0.split_at_checked(HEAD_LEN).ok_or(OpenError::Damaged)?;
        let (magic, rest) = head.split_at_checked(MAGIC.len()).ok_or(OpenError::Damaged)?;
        let [low, high] = SEALED_FORMAT.to_le_bytes();
        if magic != MAGIC || rest != [low, high, 0, 0] {
            return Err(OpenError::Damaged);
        }
        aead::open(&self.values, &binding.encode(), boxed)
    }

    /// Seals the journal's key for its checkpoint.
    pub(super) fn seal_chain(&self, aad: &[u8], key: &ChainKey) -> Result<Vec<u8>, SealError> {
        aead::seal(&self.checkpoints, &self.bound(aad), key.key())
    }

    /// Opens what `seal_chain` made.
    pub(super) fn open_chain(&self, aad: &[u8], boxed: &[u8]) -> Result<SecretBytes, OpenError> {
        aead::open(&self.checkpoints, &self.bound(aad), boxed)
    }

    /// Authenticates a head of the journal.
    pub(crate) fn head_mac(&self, head: &[u8]) -> [u8; LINK_LEN] {
        keyed(&self.heads, &self.bound(head))
    }

    fn bound(&self, aad: &[u8]) -> Vec<u8> {
        [&self.vault.0, aad].concat()
    }
}

/// A key for one purpose.
///
/// What these leave on the stack is washed with the rest of the turn, or of the job, which they run
/// in; a hasher that is kept to be wiped by itself takes longer than the hash.
pub(super) fn derive(purpose: &str, from: &SecretBytes) -> Result<SecretBytes, NoSlot> {
    let mut key = SecretBytes::zeroed(KEY_LEN)?;
    let mut derived = blake3::derive_key(purpose, from.expose());
    key.expose_mut().copy_from_slice(&derived);
    derived.zeroize();
    Ok(key)
}

/// Keyed BLAKE3.
pub(super) fn keyed(key: &SecretBytes, text: &[u8]) -> [u8; LINK_LEN] {
    // Keys are made with this length in this folder; a shorter one would hash under zeros.
    let none = [0; KEY_LEN];
    debug_assert_eq!(key.len(), KEY_LEN, "a key has 32 bytes");
    *blake3::keyed_hash(key.expose().first_chunk().unwrap_or(&none), text).as_bytes()
}
