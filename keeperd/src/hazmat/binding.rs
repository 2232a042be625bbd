//! What a sealed value is bound to: it opens only as the version of the secret it was deposited
//! as, in the vault it was deposited in. Nothing here is secret.

use std::fmt;

use proto::name::{Handle, Kind, ProviderId};
use serde::{Deserialize, Serialize};

/// Counted up when the encoding below or the sealing changes.
pub(super) const SEALED_FORMAT: u16 = 1;

/// Identifies a vault; random, made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VaultId(pub(crate) [u8; 16]);

/// Identifies a sealed file; random, never reused. Its hex is the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct DepositId(pub(crate) [u8; 16]);

impl fmt::Display for DepositId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Everything a value is bound to when it is sealed.
pub(crate) struct Binding<'a> {
    pub(crate) vault: VaultId,
    pub(crate) deposit: DepositId,
    pub(crate) handle: &'a Handle,
    pub(crate) version: u32,
    pub(crate) provider: &'a ProviderId,
    pub(crate) kind: Kind,
}

impl Binding<'_> {
    /// Bytes to authenticate with the value. No two bindings have the same: all parts are of fixed
    /// length or preceded by theirs.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(b"ugent sealed value");
        bytes.extend_from_slice(&SEALED_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.vault.0);
        bytes.extend_from_slice(&self.deposit.0);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        for text in [self.handle.as_str(), self.provider.as_str(), self.kind.as_str()] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}
