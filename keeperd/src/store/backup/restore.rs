//! A vault made of a backup, where there is none. The whole backup is opened before anything is
//! written, and all that was written is opened again before it is called restored. It must never add
//! to a vault that is there.
//!
//! A kill in the middle leaves a directory that holds no vault, or an incomplete one; the CLI restores
//! beside the home, and puts the directory in its place once this is done.

use std::collections::BTreeSet;
use std::fs::File;

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};
use proto::meta::Timestamp;
use proto::name::{Backend, Handle};

use super::file::Reader;
use super::parts::{NamesPart, SecretPart, StartPart, Totals};
use super::{Broken, not_two};
use crate::catalog::{SecretRow, VersionRow, tables};
use crate::hazmat::backup::{BackupError, Kind, decoded};
use crate::hazmat::binding::DepositId;
use crate::hazmat::file_vault::VaultError;
use crate::hazmat::injectable::{injectable, is_storable};
use crate::hazmat::keys::Keys;
use crate::store::secrets::{bug, random};
use crate::store::{Initialized, Store, vault_dir};

const SO: &str = "nothing was restored";

/// What was made.
pub(crate) struct Restored {
    pub(crate) made: Timestamp,
    pub(crate) totals: Totals,
    pub(crate) initialized: Initialized,
}

/// What a walk through a backup comes to.
struct Walked {
    reader: Reader,
    made: Timestamp,
    totals: Totals,
    names: NamesPart,
}

impl Store {
    /// Makes the vault. With the backup's passphrase and the new vault's, as [`pair`] joins them.
    pub(crate) fn restore(
        &mut self,
        file: File,
        both: SecretBytes,
        kdf: KdfCost,
        now: Timestamp,
    ) -> Result<Restored, Failure> {
        self.nothing_is_here()?;
        let parted = pair::part(&both).map_err(|error| VaultError::from(error).failure())?;
        drop(both);
        let (backups, vaults) = parted.ok_or_else(not_two)?;
        let broken = |error: Broken| error.failure(SO);
        if !file.metadata().map_err(Broken::from).map_err(broken)?.is_file() {
            return Err(BackupError::None.failure());
        }
        let reader = Reader::open(file, &backups).map_err(broken)?;
        drop(backups);
        let first = walk(reader, |_, _| Ok(())).map_err(|why| why.failure())?;
        let initialized = self.init(Backend::FileVault, kdf, Some(vaults), now)?;
        let Some(unlocked) = &initialized.made else { return Err(bug("there was a vault after all")) };
        let keys = unlocked.keys.clone();
        let (rows, second) = self.write_rows(first.reader.again().map_err(broken)?, &keys)?;
        vault_dir::sync(&self.secrets)?;
        let used: Vec<_> = rows.iter().filter_map(|row| Some((row.handle.clone(), row.last_used?))).collect();
        self.catalog.change(|write| {
            rows.iter().try_for_each(|row| tables::put_secret(write, row))?;
            tables::put_highest(write, &second.names)?;
            tables::put_used(write, &used)
        })?;
        let initialized = Initialized { contents: self.contents()?, ..initialized };
        self.all_opens(&initialized.contents.secrets, &keys)?;
        Ok(Restored { made: second.made, totals: second.totals, initialized })
    }

    fn nothing_is_here(&mut self) -> Result<(), Failure> {
        let contents = self.contents()?;
        let has_header = vault_dir::read_header(&self.secrets)?.is_some();
        if contents.backend.is_none()
            && contents.vault.is_none()
            && contents.secrets.is_empty()
            && !has_header
        {
            return Ok(());
        }
        Err(Failure::new(
            FailureClass::Config,
            format!("{} holds a vault already, so {SO}", self.secrets.display()),
            "UGENT_HOME=ANOTHER_DIRECTORY ugent secret restore FILE",
        ))
    }

    /// Seals every value under the new vault's keys. Rows are in no catalog yet.
    fn write_rows(&self, reader: Reader, keys: &Keys) -> Result<(Vec<SecretRow>, Walked), Failure> {
        let mut rows = Vec::new();
        let walked = walk(reader, |part, values| {
            let row = self.write_row(keys, part, values)?;
            rows.push(row);
            Ok(())
        });
        Ok((rows, walked.map_err(|why| why.failure())?))
    }

    fn write_row(
        &self,
        keys: &Keys,
        part: SecretPart,
        values: &mut dyn FnMut() -> Result<SecretBytes, Broken>,
    ) -> Result<SecretRow, Why> {
        let mut row = SecretRow {
            handle: part.handle,
            provider: part.provider,
            kind: part.kind,
            created: part.created,
            rotated: part.rotated,
            last_used: part.last_used,
            versions: Vec::new(),
        };
        for version in part.versions {
            let value = values()?;
            let fingerprint = keys.fingerprint(&value).map_err(|error| bug(&error.to_string()))?;
            let version = VersionRow {
                version: version.version,
                deposit: DepositId(random()?),
                fingerprint,
                created: version.created,
                injectable: injectable(&value),
                expires: version.expires,
                kept_until: version.kept_until,
            };
            let sealed = keys.seal(&row.binding(keys.vault(), &version), &value);
            let sealed = sealed.map_err(BackupError::from)?;
            drop(value);
            vault_dir::write_one_of_many(&self.secrets, version.deposit, &sealed)?;
            row.versions.push(version);
        }
        Ok(row)
    }

    /// Reads back what was written: each value opens, and is the one it was.
    fn all_opens(&self, rows: &[SecretRow], keys: &Keys) -> Result<(), Failure> {
        for row in rows {
            for version in &row.versions {
                let sealed = vault_dir::read_sealed(&self.secrets, version.deposit)?;
                let value = keys.open(&row.binding(keys.vault(), version), &sealed);
                let value = value.map_err(|error| BackupError::from(error).failure())?;
                if keys.fingerprint(&value).ok().as_ref() != Some(&version.fingerprint) {
                    return Err(Failure::new(
                        FailureClass::Io,
                        format!("{} was not read back as it was written; {SO}", row.handle),
                        "try another disk",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Why a walk ended early: the backup's fault, or that of what was done with it.
enum Why {
    Backup(Broken),
    Ours(Failure),
}

impl From<Broken> for Why {
    fn from(error: Broken) -> Self {
        Self::Backup(error)
    }
}

impl From<BackupError> for Why {
    fn from(error: BackupError) -> Self {
        Self::Backup(error.into())
    }
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

impl Why {
    fn failure(self) -> Failure {
        match self {
            Self::Backup(error) => error.failure(SO),
            Self::Ours(failure) => Failure { what: format!("{}; {SO}", failure.what), ..failure },
        }
    }
}

/// Goes through all pieces, from the first to the last, in the one order there is. `each` gets every
/// secret, and its values by asking for them; those it does not ask for are opened all the same.
fn walk(
    mut reader: Reader,
    mut each: impl FnMut(SecretPart, &mut dyn FnMut() -> Result<SecretBytes, Broken>) -> Result<(), Why>,
) -> Result<Walked, Why> {
    let (kind, plain) = reader.next()?;
    if kind != Kind::Start {
        return Err(BackupError::Damaged.into());
    }
    let StartPart { made } = decoded(&plain)?;
    let (mut totals, mut names, mut seen) = (Totals::default(), NamesPart::new(), BTreeSet::<Handle>::new());
    loop {
        let (kind, plain) = reader.next()?;
        match kind {
            Kind::Secret => {
                let part: SecretPart = decoded(&plain)?;
                if !part.is_sound() || !seen.insert(part.handle.clone()) {
                    return Err(BackupError::Damaged.into());
                }
                names.push((part.handle.clone(), part.highest));
                let mut left = part.versions.len();
                totals.secrets = totals.secrets.saturating_add(1);
                totals.versions = totals.versions.saturating_add(u32::try_from(left).unwrap_or(u32::MAX));
                each(part, &mut || {
                    left = left.checked_sub(1).ok_or(BackupError::Damaged)?;
                    value(&mut reader)
                })?;
                for _ in 0..left {
                    drop(value(&mut reader)?);
                }
            }
            Kind::Names => names.extend(decoded::<NamesPart>(&plain)?),
            Kind::End if decoded::<Totals>(&plain)? == totals => {
                return Ok(Walked { reader, made, totals, names });
            }
            Kind::Start | Kind::Value | Kind::End => return Err(BackupError::Damaged.into()),
        }
    }
}

fn value(reader: &mut Reader) -> Result<SecretBytes, Broken> {
    match reader.next()? {
        (Kind::Value, value) if is_storable(&value) => Ok(value),
        (Kind::Start | Kind::Secret | Kind::Value | Kind::Names | Kind::End, _) => {
            Err(BackupError::Damaged.into())
        }
    }
}
