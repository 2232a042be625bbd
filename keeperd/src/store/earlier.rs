//! Earlier versions: kept for a while, gone back to, or dropped when their time is over. In this order
//! (INV-12): the catalog commits rows that no longer name a file, then the file goes.

use proto::failure::{Failure, FailureClass};
use proto::meta::Timestamp;
use proto::name::Handle;

use super::secrets::{bug, unknown};
use super::{Store, not_set_up};
use crate::catalog::{SecretRow, tables};
use crate::hazmat::keys::Keys;

impl Store {
    /// Puts the version before in the place of the current one, which goes. It keeps its number, and
    /// the number of the one that goes is never given out again. The value is opened first: what
    /// cannot be opened is no place to go back to.
    pub(crate) fn rollback(
        &mut self,
        keys: &Keys,
        handle: &Handle,
        now: Timestamp,
    ) -> Result<SecretRow, Failure> {
        let (vault, found) =
            self.catalog.look(|read| Ok((tables::vault(read)?, tables::secret(read, handle)?)))?;
        let vault = vault.ok_or_else(not_set_up)?;
        if vault != keys.vault() {
            return Err(bug("the keys are another vault's"));
        }
        let mut row = found.ok_or_else(|| unknown(handle))?;
        let mut earlier = row.earlier(now).ok_or_else(|| nothing_earlier(handle))?.clone();
        let sealed = self.load(Some(keys), &row, &earlier).map_err(|not| not.failure)?;
        let opened = keys.open(&row.binding(vault, &earlier), &sealed);
        opened.map(drop).map_err(|_| not_opened(handle, earlier.version))?;
        earlier.kept_until = None;
        row.rotated = Some(now);
        let gone = std::mem::replace(&mut row.versions, vec![earlier]);
        self.catalog.change(|write| tables::put_secret(write, &row))?;
        for version in
            gone.iter().filter(|version| !row.versions.iter().any(|kept| kept.deposit == version.deposit))
        {
            self.drop_value(vault, version.deposit);
        }
        Ok(row)
    }

    /// Drops the earlier versions whose time is over, if there are any.
    pub(crate) fn drop_ended_versions(&mut self, now: Timestamp) -> Result<(), Failure> {
        let mut changed = Vec::new();
        let mut gone = Vec::new();
        for mut row in self.contents()?.secrets {
            let ended = row.take_ended(now);
            if !ended.is_empty() {
                gone.extend(ended);
                changed.push(row);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.catalog.change(|write| changed.iter().try_for_each(|row| tables::put_secret(write, row)))?;
        let vault = self.vault.ok_or_else(not_set_up)?;
        for version in gone {
            self.drop_value(vault, version.deposit);
        }
        Ok(())
    }
}

/// There is no version to go back to.
pub(crate) fn nothing_earlier(handle: &Handle) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("no earlier version of {handle} is kept, so nothing was changed"),
        format!(
            "deposit the value again: ugent secret rotate {handle} --stdin   (--keep 24h keeps the one before)"
        ),
    )
}

fn not_opened(handle: &Handle, version: u32) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("version {version} of {handle} is damaged or cannot be opened, so nothing was changed"),
        format!("deposit the value again: ugent secret rotate {handle} --stdin"),
    )
}
