//! Several new secrets at once: all of them, or none (INV-12). Values are sealed as they come and wait
//! in memory, so that nothing rests that no row names; then all of them are written, to files or into the
//! keychain, and one commit names them.

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::Handle;

use super::secrets::{Place, bug, not_storable, place, seal};
use super::{Deposit, Store, not_set_up};
use crate::catalog::{SecretRow, tables};
use crate::hazmat::injectable::is_storable;
use crate::hazmat::keys::{Keys, Sealed};

/// A new secret that no catalog knows yet.
pub(crate) struct Staged {
    pub(crate) row: SecretRow,
    sealed: Sealed,
}

impl Staged {
    /// How much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.sealed.bytes().len()
    }
}

impl Store {
    /// Seals a value under a name that is not taken, and writes nothing.
    pub(crate) fn stage(
        &mut self,
        keys: &Keys,
        what: &Deposit,
        value: SecretBytes,
    ) -> Result<Staged, Failure> {
        if !is_storable(&value) {
            return Err(not_storable(&what.handle));
        }
        debug_assert_eq!(what.place, Place::New);
        let (vault, found, highest) = self.catalog.look(|read| {
            Ok((
                tables::vault(read)?,
                tables::secret(read, &what.handle)?,
                tables::highest(read, &what.handle)?,
            ))
        })?;
        if vault.ok_or_else(not_set_up)? != keys.vault() {
            return Err(bug("the keys are another vault's"));
        }
        let mut row = place(what, found)?;
        let (version, sealed) = seal(keys, &row, highest, what, value)?;
        row.versions.push(version);
        Ok(Staged { row, sealed })
    }

    /// Stores all of them. When this returns, they are durable; when it fails, none is there.
    pub(crate) fn import(&mut self, keys: &Keys, staged: Vec<Staged>) -> Result<Vec<SecretRow>, Failure> {
        for Staged { row, .. } in &staged {
            self.is_still_free(row)?;
        }
        let written = staged.iter().try_for_each(|Staged { row, sealed }| {
            row.versions.iter().try_for_each(|version| self.keep_one_of_many(keys, row, version, sealed))
        });
        let rows: Vec<SecretRow> = staged.into_iter().map(|staged| staged.row).collect();
        let written = written.and_then(|()| self.many_are_kept());
        let done = written.and_then(|()| {
            // INV-12: from here on all of them are there.
            self.catalog.change(|write| rows.iter().try_for_each(|row| tables::put_secret(write, row)))
        });
        if let Err(failure) = done {
            let vault = self.vault.ok_or_else(not_set_up)?;
            for row in &rows {
                for version in &row.versions {
                    self.drop_unless_named(vault, &row.handle, version.deposit);
                }
            }
            return Err(failure);
        }
        Ok(rows)
    }

    /// Others may have been faster since the value was sealed.
    fn is_still_free(&mut self, row: &SecretRow) -> Result<(), Failure> {
        let (found, highest) = self
            .catalog
            .look(|read| Ok((tables::secret(read, &row.handle)?, tables::highest(read, &row.handle)?)))?;
        let next = highest.checked_add(1);
        if found.is_none() && row.versions.iter().all(|version| Some(version.version) == next) {
            return Ok(());
        }
        Err(taken_meanwhile(&row.handle))
    }
}

fn taken_meanwhile(handle: &Handle) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{handle} was added by somebody else meanwhile, so nothing was imported"),
        "run the import again",
    )
}
