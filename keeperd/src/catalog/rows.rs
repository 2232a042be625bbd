//! What a row of the catalog says.

use proto::meta::{Fingerprint, SecretMeta, Timestamp, TokenMeta, TokenUse, VersionMeta};
use proto::name::{Consumer, Handle, Kind, ProviderId, TokenId};
use serde::{Deserialize, Serialize};

use crate::hazmat::binding::{Binding, DepositId, VaultId};
use crate::hazmat::injectable::Injectable;
use crate::hazmat::token::TokenDigest;

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionRow {
    pub(crate) version: u32,
    pub(crate) deposit: DepositId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) created: Timestamp,
    /// Whether the value may stand in an HTTP header; found when it was deposited.
    pub(crate) injectable: Injectable,
    /// When its value expires, if it does. Kept in a table of its own.
    #[serde(skip)]
    pub(crate) expires: Option<Timestamp>,
    /// Of an earlier version: until when it is kept. Kept in a table of its own.
    #[serde(skip)]
    pub(crate) kept_until: Option<Timestamp>,
}

impl VersionRow {
    /// Whether its value has expired.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// Whether it may still be gone back to.
    pub(crate) fn is_kept(&self, now: Timestamp) -> bool {
        self.kept_until.is_some_and(|end| now < end)
    }
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
            expires: row.expires,
            kept_until: row.kept_until,
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

    /// The version before, as long as it is kept.
    pub(crate) fn earlier(&self, now: Timestamp) -> Option<&VersionRow> {
        self.versions.iter().rev().nth(1).filter(|version| version.is_kept(now))
    }

    /// Takes out the versions before the current one that are no longer kept.
    pub(crate) fn take_ended(&mut self, now: Timestamp) -> Vec<VersionRow> {
        let Some(current) = self.current().map(|current| current.version) else { return Vec::new() };
        self.versions.extract_if(.., |row| row.version != current && !row.is_kept(now)).collect()
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

/// Whom a token was issued to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: TokenId,
    pub(crate) consumer: Consumer,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) used_as: TokenUse,
}

impl TokenRow {
    /// Whether its time is over.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// Whether it is the one in `broker.token`, and none from before.
    pub(crate) fn is_bootstrap(&self) -> bool {
        self.used_as == TokenUse::Bootstrap && self.expires.is_none()
    }

    /// All that may be shown of it.
    pub(crate) fn meta(&self, last_used: Option<Timestamp>) -> TokenMeta {
        TokenMeta {
            id: self.id.clone(),
            consumer: self.consumer.clone(),
            created: self.created,
            expires: self.expires,
            last_used,
            used_as: self.used_as,
        }
    }
}

/// A token as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownToken {
    pub(crate) digest: TokenDigest,
    pub(crate) row: TokenRow,
    pub(crate) last_used: Option<Timestamp>,
}
