//! A value that somebody shows, against what the vault gives back. Changes nothing.

use proto::cli_lane::Likeness;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::Handle;

use super::secrets::{bug, unknown};
use super::{Store, not_set_up};
use crate::catalog::tables;
use crate::hazmat::keys::Keys;
use crate::hazmat::likeness::likeness;

impl Store {
    /// Opens the current version as it is on disk, and compares; also says which version that is.
    pub(crate) fn compare(
        &mut self,
        keys: &Keys,
        handle: &Handle,
        value: &SecretBytes,
    ) -> Result<(u32, Likeness), Failure> {
        let (vault, found) =
            self.catalog.look(|read| Ok((tables::vault(read)?, tables::secret(read, handle)?)))?;
        let vault = vault.ok_or_else(not_set_up)?;
        if vault != keys.vault() {
            return Err(bug("the keys are another vault's"));
        }
        let row = found.ok_or_else(|| unknown(handle))?;
        let current = row.current().ok_or_else(|| unknown(handle))?;
        let sealed = self.load(Some(keys), &row, current).map_err(|not| not.failure)?;
        let opened = keys.open(&row.binding(vault, current), &sealed);
        let opened = opened.map_err(|_| {
            Failure::new(
                FailureClass::BadInput,
                format!("the sealed value of {handle} is damaged or cannot be opened"),
                format!("deposit the value again: ugent secret rotate {handle} --stdin"),
            )
        })?;
        Ok((current.version, likeness(&opened, value)))
    }
}
