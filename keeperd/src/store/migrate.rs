//! A vault moves into a keychain, or out of it, with all versions. It keeps its keys and its name, so
//! that the catalog's rows and the journal stay as they are, and one commit makes the switch. In this
//! order (INV-12): everything is written there and read back, the catalog says that it is there, what is
//! left here goes. Cut short before the commit, nothing has moved, and after it, everything; either way
//! it can be run again, which drops what is left over.

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes, pair};
use proto::keychain_lane::{Holding, Item, Shown};
use proto::name::Backend;

use super::files::ensure_dir;
use super::init::no_passphrase;
use super::keychain::not_opened;
use super::secrets::bug;
use super::{Contents, Store, not_set_up, passphrase_missing, vault_dir};
use crate::catalog::{SecretRow, VersionRow, tables};
use crate::hazmat::binding::VaultId;
use crate::hazmat::file_vault;
use crate::hazmat::keychain_vault;
use crate::hazmat::keys::{Keys, OpenError, Sealed};
use crate::hazmat::moving::{BothKeys, is_same};

const SO: &str = "nothing was moved";

/// What has moved.
pub(crate) struct Migrated {
    pub(crate) contents: Contents,
    /// Why something was left where values were before, if so.
    pub(crate) left: Option<Failure>,
}

impl Store {
    /// Moves all values. With the passphrase of the file vault: the one it has, or the one it gets.
    pub(crate) fn migrate(
        &mut self,
        to: Backend,
        kdf: KdfCost,
        passphrase: Option<SecretBytes>,
    ) -> Result<Migrated, Failure> {
        let from = self.backend.ok_or_else(not_set_up)?;
        let vault = self.vault.ok_or_else(not_set_up)?;
        if from != to {
            let rows = self.contents()?.secrets;
            match to {
                Backend::Keychain => self.copy_to_keychain(vault, &rows, passphrase)?,
                Backend::FileVault => self.copy_to_files(vault, &rows, kdf, passphrase)?,
            }
            // INV-12: from here on they are there.
            self.catalog.change(|write| tables::choose(write, to, vault))?;
            self.backend = Some(to);
        }
        let dropped = match to {
            Backend::Keychain => self.drop_file_vault(vault),
            Backend::FileVault => self.drop_items(vault),
        };
        let left = dropped.err().map(|failure| left_over(from, to, &failure));
        Ok(Migrated { contents: self.contents()?, left })
    }

    fn copy_to_keychain(
        &mut self,
        vault: VaultId,
        rows: &[SecretRow],
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        let passphrase = passphrase.ok_or_else(passphrase_missing)?;
        let both = self.try_passphrase(|store| {
            let header = vault_dir::read_header(&store.secrets)?.ok_or_else(not_set_up)?;
            file_vault::unwrap_both(&header, &passphrase).map_err(|error| error.failure())
        })?;
        drop(passphrase);
        let keys = both.keys().map_err(|NoSlot| no_slot())?;
        if keys.vault() != vault {
            return Err(bug("the header is another vault's"));
        }
        for row in rows {
            for version in &row.versions {
                let sealed = vault_dir::read_sealed(&self.secrets, version.deposit)?;
                let value = opened(&keys, row, version, &sealed)?;
                let item = Item { vault: vault.0, holding: Holding::Deposit(version.deposit.0) };
                let shown =
                    Shown { home: self.home(), handle: Some(row.handle.clone()), version: version.version };
                self.put_and_look(item, shown, value, row.handle.as_str())?;
            }
        }
        let (data_key, root) = keychain_vault::items(&both).map_err(not_opened)?;
        let shown = Shown { home: self.home(), handle: None, version: 0 };
        for (holding, key) in [(Holding::JournalRoot, root), (Holding::DataKey, data_key)] {
            self.put_and_look(Item { vault: vault.0, holding }, shown.clone(), key, "the vault's key")?;
        }
        if self.fetch_both(vault)?.are(&both) { Ok(()) } else { Err(not_as_written("the vault's key")) }
    }

    /// Sets an item, and reads it back.
    fn put_and_look(
        &mut self,
        item: Item,
        shown: Shown,
        value: SecretBytes,
        what: &str,
    ) -> Result<(), Failure> {
        let kept = pair::again(&value).map_err(|NoSlot| no_slot())?;
        let failed = |how: &str| format!("{what} was not {how}, so {SO}");
        self.keychain.set(item, shown, value).map_err(|error| error.failure(&failed("kept")))?;
        let found = self.keychain.get(item).map_err(|error| error.failure(&failed("read back")))?;
        if is_same(&kept, &found) { Ok(()) } else { Err(not_as_written(what)) }
    }

    fn copy_to_files(
        &mut self,
        vault: VaultId,
        rows: &[SecretRow],
        kdf: KdfCost,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        let passphrase = passphrase.filter(|text| !text.is_empty()).ok_or_else(no_passphrase)?;
        let both = self.fetch_both(vault)?;
        let keys = both.keys().map_err(|NoSlot| no_slot())?;
        ensure_dir(&vault_dir::path(&self.secrets))?;
        for row in rows {
            for version in &row.versions {
                let sealed = self.load(Some(&keys), row, version).map_err(|not| not.failure)?;
                // Of one that was cut short: the catalog still says that values are in the keychain.
                vault_dir::drop_sealed(&self.secrets, version.deposit);
                vault_dir::write_one_of_many(&self.secrets, version.deposit, &sealed)?;
            }
        }
        vault_dir::sync(&self.secrets)?;
        for row in rows {
            for version in &row.versions {
                let sealed = vault_dir::read_sealed(&self.secrets, version.deposit)?;
                let value = opened(&keys, row, version, &sealed)?;
                if keys.fingerprint(&value).ok().as_ref() != Some(&version.fingerprint) {
                    return Err(not_as_written(row.handle.as_str()));
                }
            }
        }
        // Last: a home with a header is asked for its passphrase.
        let header = file_vault::wrap_both(&both, &passphrase, kdf).map_err(|error| error.failure())?;
        vault_dir::write_header(&self.secrets, &header)?;
        let written = vault_dir::read_header(&self.secrets)?.ok_or_else(not_set_up)?;
        let found = file_vault::unwrap_both(&written, &passphrase).map_err(|error| error.failure())?;
        if found.are(&both) { Ok(()) } else { Err(not_as_written("the vault's header")) }
    }

    fn fetch_both(&mut self, vault: VaultId) -> Result<BothKeys, Failure> {
        let mut get = |holding| {
            let got = self.keychain.get(Item { vault: vault.0, holding });
            got.map_err(|error| error.failure(&format!("the vault's keys could not be read, so {SO}")))
        };
        let (data_key, root) = (get(Holding::DataKey)?, get(Holding::JournalRoot)?);
        keychain_vault::both(vault, &data_key, &root).map_err(not_opened)
    }

    /// Drops what a file vault left behind that is in the keychain now; none is as good as one dropped.
    pub(super) fn drop_file_vault(&mut self, vault: VaultId) -> Result<(), Failure> {
        match vault_dir::read_header(&self.secrets)? {
            Some(header) if file_vault::id(&header).ok() != Some(vault) => Ok(()),
            Some(_) | None => vault_dir::drop_all(&self.secrets),
        }
    }

    /// Drops the items of a vault that is in files now. Keys last: without them, values are none of ours.
    fn drop_items(&mut self, vault: VaultId) -> Result<(), Failure> {
        let failed = "items of the vault were not removed";
        let listed = self.keychain.list().map_err(|error| error.failure(failed))?;
        let (values, keys): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .map(|listed| listed.item)
            .filter(|item| item.vault == vault.0)
            .partition(|item| matches!(item.holding, Holding::Deposit(_)));
        for item in values.into_iter().chain(keys) {
            self.keychain.delete(item).map_err(|error| error.failure(failed))?;
        }
        Ok(())
    }
}

fn opened(
    keys: &Keys,
    row: &SecretRow,
    version: &VersionRow,
    sealed: &Sealed,
) -> Result<SecretBytes, Failure> {
    keys.open(&row.binding(keys.vault(), version), sealed).map_err(|error| match error {
        OpenError::NoSlot => no_slot(),
        OpenError::Damaged => Failure::new(
            FailureClass::BadInput,
            format!("version {} of {} is damaged, so {SO}", version.version, row.handle),
            format!("ugent secret rotate {} --stdin, and then this again", row.handle),
        ),
    })
}

fn left_over(from: Backend, to: Backend, failure: &Failure) -> Failure {
    let so_far = if from == to {
        "as before, and whether anything of them is left elsewhere was not seen"
    } else {
        "now, but not all was dropped where they were"
    };
    Failure {
        what: format!("all values are in the {to} {so_far}: {}", failure.what),
        hint: format!("ugent secret migrate --to {to}   (again)"),
        ..failure.clone()
    }
}

fn not_as_written(what: &str) -> Failure {
    let what = format!("{what} was not read back as it was written, so {SO}");
    Failure::new(FailureClass::Io, what, "see what is wrong with the disk or the keyring")
}

fn no_slot() -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        format!("no locked memory is left, so {SO}"),
        "raise the limit on locked memory (ulimit -l)",
    )
}
