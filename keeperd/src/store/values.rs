//! Where values rest: sealed files of a file vault, or items of a keychain. Everything else in this
//! folder is the same for both.
//!
//! A keychain's item holds the value itself, which whoever may write to the keychain can exchange. So
//! what is fetched must have the fingerprint that the catalog has of it, and is sealed at once: from
//! there on it is handled as a file's content is.

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::Reason;
use proto::keychain_lane::{Holding, Item, Shown};
use proto::name::Backend;

use super::secrets::{bug, not_sealed};
use super::{Store, not_set_up, vault_dir};
use crate::catalog::{SecretRow, VersionRow};
use crate::hazmat::binding::{DepositId, VaultId};
use crate::hazmat::keys::{Keys, OpenError, SealError, Sealed};

/// Why a value is not to be had.
pub(crate) struct NotLoaded {
    pub(crate) reason: Reason,
    pub(crate) failure: Failure,
}

impl Store {
    /// Keeps the value of a version that no row names yet; durable when this returns.
    pub(super) fn keep_value(
        &mut self,
        keys: &Keys,
        row: &SecretRow,
        version: &VersionRow,
        value: SecretBytes,
    ) -> Result<(), Failure> {
        match self.backend.ok_or_else(not_set_up)? {
            Backend::FileVault => {
                let sealed = keys.seal(&row.binding(keys.vault(), version), &value);
                drop(value);
                let sealed = sealed.map_err(|error| not_sealed(&row.handle, error))?;
                vault_dir::write_sealed(&self.secrets, version.deposit, &sealed)
            }
            Backend::Keychain => {
                let item = Item { vault: keys.vault().0, holding: Holding::Deposit(version.deposit.0) };
                let (handle, version) = (Some(row.handle.clone()), version.version);
                let shown = Shown { home: self.home(), handle, version };
                let kept = self.keychain.set(item, shown, value);
                kept.map_err(|error| error.failure(&format!("{} was not kept", row.handle)))
            }
        }
    }

    /// The same, of one that was sealed before; durable after [`Store::many_are_kept`].
    pub(super) fn keep_one_of_many(
        &mut self,
        keys: &Keys,
        row: &SecretRow,
        version: &VersionRow,
        sealed: &Sealed,
    ) -> Result<(), Failure> {
        match self.backend.ok_or_else(not_set_up)? {
            Backend::FileVault => vault_dir::write_one_of_many(&self.secrets, version.deposit, sealed),
            Backend::Keychain => {
                let value = keys.open(&row.binding(keys.vault(), version), sealed);
                let value = value.map_err(|error| match error {
                    OpenError::NoSlot => not_sealed(&row.handle, SealError::NoSlot),
                    OpenError::Damaged => bug("what was just sealed does not open"),
                })?;
                self.keep_value(keys, row, version, value)
            }
        }
    }

    /// Makes those durable.
    pub(super) fn many_are_kept(&self) -> Result<(), Failure> {
        match self.backend {
            Some(Backend::Keychain) => Ok(()),
            Some(Backend::FileVault) | None => vault_dir::sync(&self.secrets),
        }
    }

    /// Drops a value that no row names any more. What stays for now goes at the next start, or of a
    /// keychain with `doctor --fix`.
    pub(super) fn drop_value(&mut self, vault: VaultId, deposit: DepositId) {
        match self.backend {
            Some(Backend::Keychain) => {
                let _ = self.keychain.delete(Item { vault: vault.0, holding: Holding::Deposit(deposit.0) });
            }
            Some(Backend::FileVault) | None => vault_dir::drop_sealed(&self.secrets, deposit),
        }
    }

    /// One value, sealed.
    pub(crate) fn load(
        &mut self,
        keys: Option<&Keys>,
        row: &SecretRow,
        version: &VersionRow,
    ) -> Result<Sealed, NotLoaded> {
        match self.backend {
            Some(Backend::Keychain) => {}
            Some(Backend::FileVault) | None => {
                let read = vault_dir::read_sealed(&self.secrets, version.deposit);
                return read.map_err(|failure| NotLoaded { reason: Reason::VaultDamaged, failure });
            }
        }
        let handle = &row.handle;
        let Some(keys) = keys else {
            return Err(NotLoaded {
                reason: Reason::VaultLocked,
                failure: bug("a value was asked for without keys"),
            });
        };
        let item = Item { vault: keys.vault().0, holding: Holding::Deposit(version.deposit.0) };
        let value = self.keychain.get(item).map_err(|error| {
            let failure = error.failure(&format!("{handle} could not be read"));
            NotLoaded { reason: error.reason(), failure }
        })?;
        if keys.fingerprint(&value).ok().as_ref() != Some(&version.fingerprint) {
            return Err(NotLoaded { reason: Reason::VaultDamaged, failure: not_ours(row) });
        }
        keys.seal(&row.binding(keys.vault(), version), &value)
            .map_err(|error| NotLoaded { reason: Reason::Busy, failure: not_sealed(handle, error) })
    }

    /// What items of ours say of where they belong.
    pub(super) fn home(&self) -> String {
        self.secrets.parent().map(|home| home.display().to_string()).unwrap_or_default()
    }
}

fn not_ours(row: &SecretRow) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("the value of {} in the keychain is not the one that was deposited", row.handle),
        format!("somebody has changed it: ugent secret rotate {} --stdin", row.handle),
    )
}
