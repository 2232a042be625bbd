//! The vault as the loop sees it: keys while unlocked, metadata always, sealed values as they are
//! asked for. Values stay sealed here; they are opened one release at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use proto::hazmat::SecretBytes;
use proto::journal::Reason;
use proto::meta::Timestamp;
use proto::name::{Backend, Handle};

use super::ending::Endings;
use super::expiring::Warnings;
use super::recorder::Receipt;
use crate::catalog::{SecretRow, VersionRow};
use crate::clock::wall;
use crate::hazmat::binding::{DepositId, VaultId};
use crate::hazmat::keys::{Keys, OpenError, Sealed};
use crate::policy::judge::{Candidate, Granted};
use crate::store::Contents;

/// Where sealed values come from. A backend that must ask somebody first answers `Pending`, and
/// the ask stays open until it can be tried again.
pub(super) trait SealedSource {
    /// The sealed value of that deposit.
    fn fetch(&mut self, deposit: DepositId) -> Fetched<'_>;
}

/// What a source has.
pub(super) enum Fetched<'a> {
    /// Here it is.
    Sealed(&'a Sealed),
    /// It is on its way: try again when the source has reported.
    Pending,
    /// It is not to be had, and this is why.
    Failed(Reason),
}

/// Sealed values, fetched by the slow-work thread: those of files once, those of a keychain anew when
/// their time is over.
#[derive(Default)]
pub(super) struct SealedFiles {
    here: HashMap<DepositId, Cached>,
    failed: BTreeMap<DepositId, Reason>,
    wanted: BTreeSet<DepositId>,
    asked: BTreeSet<DepositId>,
}

struct Cached {
    sealed: Sealed,
    /// When it is let go, if it is.
    until: Option<Instant>,
}

impl SealedSource for SealedFiles {
    fn fetch(&mut self, deposit: DepositId) -> Fetched<'_> {
        if let Some(reason) = self.failed.get(&deposit) {
            return Fetched::Failed(*reason);
        }
        match self.here.get(&deposit) {
            Some(cached) => Fetched::Sealed(&cached.sealed),
            None => {
                if !self.asked.contains(&deposit) {
                    self.wanted.insert(deposit);
                }
                Fetched::Pending
            }
        }
    }
}

impl SealedFiles {
    /// What the slow-work thread is to read now.
    pub(super) fn take_wanted(&mut self) -> Vec<DepositId> {
        let wanted: Vec<_> = std::mem::take(&mut self.wanted).into_iter().collect();
        self.asked.extend(&wanted);
        wanted
    }

    /// Everybody who waited has been told: what was mended since is found by the next ask.
    pub(super) fn forget_failed(&mut self) {
        self.failed.clear();
    }

    /// What it has read.
    pub(super) fn loaded(&mut self, deposit: DepositId, sealed: Sealed, until: Option<Instant>) {
        self.asked.remove(&deposit);
        drop(self.here.insert(deposit, Cached { sealed, until }));
    }

    /// What it could not read.
    pub(super) fn failed(&mut self, deposit: DepositId, reason: Reason) {
        self.asked.remove(&deposit);
        self.failed.insert(deposit, reason);
    }

    /// When the next value's time is over.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.here.values().filter_map(|cached| cached.until).min()
    }

    /// Lets go of those whose time is over, but for those that are held until later.
    pub(super) fn end(&mut self, now: Instant, held: &BTreeMap<DepositId, Instant>) {
        for (deposit, later) in held {
            if let Some(cached) = self.here.get_mut(deposit) {
                cached.until = cached.until.map(|until| until.max(*later));
            }
        }
        self.here.retain(|_, cached| cached.until.is_none_or(|until| now < until));
    }
}

/// What became of opening a value.
pub(super) enum Opening {
    /// The value, for one release.
    Open(SecretBytes),
    /// Try again when the source has reported.
    Pending,
    /// There are no keys.
    Locked,
    /// The sealed value is not to be had.
    Failed(Reason),
    /// No locked memory is left.
    NoSlot,
}

/// Metadata, keys, and sealed values.
pub(super) struct Vault {
    pub(super) backend: Option<Backend>,
    pub(super) id: Option<VaultId>,
    pub(super) keys: Option<Arc<Keys>>,
    pub(super) secrets: BTreeMap<Handle, SecretRow>,
    pub(super) files: SealedFiles,
    /// Uses the catalog does not know of yet.
    pub(super) used: BTreeMap<Handle, Timestamp>,
    pub(super) endings: Endings,
    pub(super) warnings: Warnings,
}

impl Vault {
    pub(super) fn new(contents: &Contents) -> Self {
        let mut vault = Self {
            backend: None,
            id: None,
            keys: None,
            secrets: BTreeMap::new(),
            files: SealedFiles::default(),
            used: BTreeMap::new(),
            endings: Endings::default(),
            warnings: Warnings::of(&contents.warned),
        };
        vault.learn(contents);
        vault
    }

    /// Takes over what the catalog holds.
    pub(super) fn learn(&mut self, contents: &Contents) {
        self.backend = contents.backend;
        self.id = contents.vault;
        self.secrets = contents.secrets.iter().map(|row| (row.handle.clone(), row.clone())).collect();
        self.endings.look(self.secrets.values());
        self.warnings.look_again();
    }

    /// What judging must know of a secret.
    pub(super) fn candidate(&self, handle: &Handle) -> Option<Candidate> {
        let row = self.secrets.get(handle)?;
        let newest = row.current()?;
        Some(Candidate {
            provider: row.provider.clone(),
            version: newest.version,
            injectable: newest.injectable,
            expired: newest.expires.is_some() && newest.has_expired(wall()),
        })
    }

    /// Opens a value. Needs both proofs: that it was granted, and that the record of the lease it
    /// leaves under is on disk (INV-04, INV-05).
    pub(super) fn open(&mut self, granted: &Granted, _receipt: Receipt) -> Opening {
        let (Some(keys), Some(vault)) = (&self.keys, self.id) else {
            return Opening::Locked;
        };
        let row = self.secrets.get(&granted.secret);
        let version = row.and_then(|row| row.versions.iter().find(|row| row.version == granted.version));
        let (Some(row), Some(version)) = (row, version) else {
            return Opening::Failed(Reason::VaultDamaged);
        };
        let binding = row.binding(vault, version);
        match self.files.fetch(version.deposit) {
            Fetched::Pending => Opening::Pending,
            Fetched::Failed(reason) => Opening::Failed(reason),
            Fetched::Sealed(sealed) => match keys.open(&binding, sealed) {
                Ok(value) => Opening::Open(value),
                Err(OpenError::Damaged) => Opening::Failed(Reason::VaultDamaged),
                Err(OpenError::NoSlot) => Opening::NoSlot,
            },
        }
    }

    /// The version of a deposit.
    pub(super) fn of_deposit(&self, deposit: DepositId) -> Option<(SecretRow, VersionRow)> {
        self.secrets.values().find_map(|row| {
            let version = row.versions.iter().find(|version| version.deposit == deposit)?;
            Some((row.clone(), version.clone()))
        })
    }

    /// Notes a use, for `last_used`.
    pub(super) fn note_use(&mut self, handle: &Handle, now: Timestamp) {
        if let Some(row) = self.secrets.get_mut(handle) {
            row.last_used = Some(now);
            self.used.insert(handle.clone(), now);
        }
    }

    /// Takes over a secret's new state; sealed values of versions that are gone go too.
    pub(super) fn put(&mut self, row: SecretRow) {
        self.drop_sealed(&row.handle.clone());
        self.secrets.insert(row.handle.clone(), row);
        self.endings.look(self.secrets.values());
        self.warnings.look_again();
    }

    /// Forgets a secret.
    pub(super) fn remove(&mut self, handle: &Handle) {
        self.drop_sealed(handle);
        self.secrets.remove(handle);
        self.endings.look(self.secrets.values());
        self.warnings.look_again();
        self.used.remove(handle);
    }

    /// Lets go of the keys, and of all sealed values.
    pub(super) fn lock(&mut self) {
        self.keys = None;
        self.files = SealedFiles::default();
    }

    fn drop_sealed(&mut self, handle: &Handle) {
        for version in self.secrets.get(handle).map(|row| row.versions.as_slice()).unwrap_or_default() {
            self.files.here.remove(&version.deposit);
        }
    }
}
