//! The journal's key, which only moves forward: each step's key is derived from the one before,
//! which is overwritten. Who takes the memory of a keeper learns nothing that would forge a link
//! made before (INV-10).

#![expect(clippy::disallowed_methods, reason = "INV-02: the journal's key is derived here")]

use proto::hazmat::{NoSlot, SecretBytes};

use super::aead::KEY_LEN;
use super::keys::{derive, keyed};

/// Bytes of a link.
pub(crate) use proto::journal::LINK_LEN;

const FROM_ROOT: &str = "UGENT Vault journal v1: first key of the chain";
const FORWARD: &str = "UGENT Vault journal v1: next key of the chain";

/// The key for the keyed record of one step.
pub(crate) struct ChainKey {
    key: SecretBytes,
    step: u64,
}

impl ChainKey {
    /// The key of step 1.
    pub(super) fn first(root: &SecretBytes) -> Result<Self, NoSlot> {
        Ok(Self { key: derive(FROM_ROOT, root)?, step: 1 })
    }

    /// From a checkpoint.
    pub(super) const fn restored(key: SecretBytes, step: u64) -> Self {
        Self { key, step }
    }

    /// A copy in a slot of its own: the journal goes back to it when a write fails.
    pub(crate) fn copy(&self) -> Result<Self, NoSlot> {
        let mut copy = Self { key: SecretBytes::zeroed(KEY_LEN)?, step: self.step };
        copy.become_like(self);
        Ok(copy)
    }

    /// Overwrites this key with that one.
    pub(crate) fn become_like(&mut self, other: &Self) {
        for (to, from) in self.key.expose_mut().iter_mut().zip(other.key.expose()) {
            *to = *from;
        }
        self.step = other.step;
    }

    /// Which keyed record this key is for.
    pub(crate) const fn step(&self) -> u64 {
        self.step
    }

    /// Whether it is the same key of the same step. Takes as long whatever they hold.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let pairs = self.key.expose().iter().zip(other.key.expose());
        self.step == other.step && pairs.fold(0, |apart, (one, other)| apart | (one ^ other)) == 0
    }

    /// The link of a record.
    pub(crate) fn link(&self, text: &[u8]) -> [u8; LINK_LEN] {
        keyed(&self.key, text)
    }

    /// Becomes the key of the next step; this step's is gone.
    pub(crate) fn advance(&mut self) -> Result<(), NoSlot> {
        self.key = derive(FORWARD, &self.key)?;
        self.step = self.step.saturating_add(1);
        Ok(())
    }

    pub(super) const fn key(&self) -> &SecretBytes {
        &self.key
    }
}
