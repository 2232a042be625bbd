//! What a row of the catalog says.

use proto::meta::{Fingerprint, SecretMeta, Timestamp, VersionMeta};
use proto::name::{Consumer, Handle, Kind, ProviderId};
use serde::{Deserialize, Serialize};

use crate::hazmat::binding::{Binding, DepositId, VaultId};

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionRow {
    pub(crate) version: u32,
    pub(crate) deposit: DepositId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) created: Timestamp,
    /// Whether the value may stand in an HTTP header; found when it was deposited.
    pub(crate) injectable: bool,
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretRow {
    pub(crate) handle: Handle,
    pub(crate) provider: ProviderId,
    pub(crate) kind: Kind,
    pub(crate) created: Timestamp,
    pub(crate) rotated: Option<Timestamp>,
    pub(crate) last_used: Option<Timestamp>,
    /// Those that still exist, oldest first; the last is the one new leases use. Never empty.
    pub(crate) versions: Vec<VersionRow>,
}

impl SecretRow {
    /// All that may be shown of it.
    pub(crate) fn meta(&self) -> SecretMeta {
        let shown = |row: &VersionRow| VersionMeta {
            version: row.version,
            fingerprint: row.fingerprint.clone(),
            created: row.created,
        };
        SecretMeta {
            handle: self.handle.clone(),
            provider: self.provider.clone(),
            kind: self.kind,
            created: self.created,
            rotated: self.rotated,
            last_used: self.last_used,
            versions: self.versions.iter().map(shown).collect(),
        }
    }

    /// The version new leases use.
    pub(crate) fn current(&self) -> Option<&VersionRow> {
        self.versions.last()
    }

    /// What the value of that version is bound to.
    pub(crate) const fn binding(&self, vault: VaultId, version: &VersionRow) -> Binding<'_> {
        Binding {
            vault,
            deposit: version.deposit,
            handle: &self.handle,
            version: version.version,
            provider: &self.provider,
            kind: self.kind,
        }
    }
}

/// How a token is spoken of without showing it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TokenId(pub(crate) Box<str>);

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenUse {
    /// The one in `broker.token`.
    Bootstrap,
    /// Issued to a consumer by name.
    Issued,
}

/// Whom a token was issued to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: TokenId,
    pub(crate) consumer: Consumer,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) used_as: TokenUse,
}
