//! What is said in a backup beside the values. There is no field a value would fit in. Fingerprints
//! and deposits are left out: a restored vault has keys of its own, and so others of both.

use proto::meta::Timestamp;
use proto::name::{Handle, Kind, ProviderId};
use serde::{Deserialize, Serialize};

use crate::catalog::{SecretRow, VersionRow};

/// The first piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StartPart {
    pub(super) made: Timestamp,
}

/// A secret; a value for each of its versions follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecretPart {
    pub(super) handle: Handle,
    pub(super) provider: ProviderId,
    pub(super) kind: Kind,
    pub(super) created: Timestamp,
    pub(super) rotated: Option<Timestamp>,
    pub(super) last_used: Option<Timestamp>,
    /// The highest version its name ever had.
    pub(super) highest: u32,
    /// Oldest first; never empty.
    pub(super) versions: Vec<VersionPart>,
}

/// One version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VersionPart {
    pub(super) version: u32,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) kept_until: Option<Timestamp>,
}

/// Names and the highest versions they ever had, whether or not there is a secret of that name now.
pub(super) type NamesPart = Vec<(Handle, u32)>;

/// Most names in one piece.
pub(super) const NAMES_MAX: usize = 512;

/// How much there is in a backup; its last piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) secrets: u32,
    /// Of all secrets, each with its value.
    pub(crate) versions: u32,
}

impl SecretPart {
    pub(super) fn of(row: &SecretRow, highest: u32) -> Self {
        let version = |row: &VersionRow| VersionPart {
            version: row.version,
            created: row.created,
            expires: row.expires,
            kept_until: row.kept_until,
        };
        Self {
            handle: row.handle.clone(),
            provider: row.provider.clone(),
            kind: row.kind,
            created: row.created,
            rotated: row.rotated,
            last_used: row.last_used,
            highest,
            versions: row.versions.iter().map(version).collect(),
        }
    }

    /// Whether it can be of a catalog: versions from 1 on that rise, none above the highest.
    pub(super) fn is_sound(&self) -> bool {
        let rises = self.versions.is_sorted_by(|one, next| one.version < next.version);
        let first = self.versions.first().is_some_and(|first| first.version > 0);
        let last = self.versions.last().is_some_and(|last| last.version <= self.highest);
        rises && first && last
    }
}
