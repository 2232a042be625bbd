//! A backup is written, synced, and read back, in steps that give way to other work in between. A
//! secret is in it as it is when its turn comes; two of them may be from before and after a change.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};
use proto::meta::Timestamp;
use proto::name::{Backend, Handle};

use super::file::{Reader, Writer};
use super::parts::{NAMES_MAX, SecretPart, StartPart, Totals};
use super::{Broken, not_two};
use crate::catalog::{SecretRow, VersionRow, tables};
use crate::hazmat::backup::Kind;
use crate::hazmat::file_vault::{self, VaultError};
use crate::hazmat::keys::{Keys, OpenError};
use crate::store::{Store, not_set_up, vault_dir};

/// How many bytes are written or read in one step.
const STEP: u64 = 1024 * 1024;
const SO: &str = "so there is no backup";

/// A backup that is being made.
pub(crate) enum Backup {
    /// With the vault's passphrase and the backup's own, as [`pair`] joins them; of a keychain with the
    /// backup's alone.
    Asked { file: File, both: SecretBytes, kdf: KdfCost, now: Timestamp },
    /// The vault's passphrase was right; no byte of a value has left the vault yet.
    Begun { writer: Box<Writing>, now: Timestamp },
    /// Some secrets are written.
    Writing(Box<Writing>),
    /// All is written and synced, and some of it read back.
    Checking(Box<Checking>),
}

/// What is left to be done.
pub(crate) enum Step {
    /// This was right, and is to be recorded before the next step.
    Begun(Backup),
    /// There is more.
    Next(Backup),
    /// The file is whole, synced and read back.
    Done(Totals),
}

pub(crate) struct Writing {
    writer: Writer,
    keys: Arc<Keys>,
    left: VecDeque<Handle>,
    totals: Totals,
}

pub(crate) struct Checking {
    reader: Reader,
    hash: [u8; 32],
    totals: Totals,
}

impl Store {
    /// Takes one step. After a failure the file is of no use.
    pub(crate) fn back_up(&mut self, backup: Backup) -> Result<Step, Failure> {
        match backup {
            Backup::Asked { file, both, kdf, now } => self.begin_backup(file, both, kdf, now),
            Backup::Begun { mut writer, now } => {
                let start = StartPart { made: now };
                writer.writer.known(Kind::Start, &start).map_err(|error| error.failure(SO))?;
                Ok(Step::Next(Backup::Writing(writer)))
            }
            Backup::Writing(writing) => self.write_backup(writing),
            Backup::Checking(checking) => checking.go_on().map_err(|error| error.failure(SO)),
        }
    }

    fn begin_backup(
        &mut self,
        file: File,
        both: SecretBytes,
        kdf: KdfCost,
        now: Timestamp,
    ) -> Result<Step, Failure> {
        let found = file.metadata().map_err(|error| Broken::from(error).failure(SO))?;
        if !found.is_file() || found.len() > 0 {
            return Err(not_empty());
        }
        let (keys, own) = match self.backend.ok_or_else(not_set_up)? {
            // Whoever is this user has its keychain. Files of a move that was cut short may have led
            // the CLI to ask for a vault's passphrase as well.
            Backend::Keychain => {
                let parted = pair::part(&both).map_err(|error| VaultError::from(error).failure())?;
                let own = parted.map_or(both, |(_, own)| own);
                (self.open_keychain().map_err(|not| not.failure)?.keys, own)
            }
            Backend::FileVault => self.opened_for_backup(both)?,
        };
        let left = self.contents()?.secrets.into_iter().map(|row| row.handle).collect();
        let writer = Writer::begin(file, &own, kdf).map_err(|error| error.failure(SO))?;
        let writer = Box::new(Writing { writer, keys, left, totals: Totals::default() });
        Ok(Step::Begun(Backup::Begun { writer, now }))
    }

    /// By the first passphrase of two; with the second.
    fn opened_for_backup(&mut self, both: SecretBytes) -> Result<(Arc<Keys>, SecretBytes), Failure> {
        let header = vault_dir::read_header(&self.secrets)?.ok_or_else(not_set_up)?;
        let parted = pair::part(&both).map_err(|error| VaultError::from(error).failure())?;
        drop(both);
        let (vaults, own) = parted.ok_or_else(not_two)?;
        let keys =
            self.try_passphrase(|_| file_vault::open(&header, &vaults).map_err(|error| error.failure()))?;
        Ok((Arc::new(keys), own))
    }

    fn write_backup(&mut self, mut writing: Box<Writing>) -> Result<Step, Failure> {
        let until = writing.writer.written().saturating_add(STEP);
        while let Some(handle) = writing.left.pop_front() {
            self.write_secret(&mut writing, &handle)?;
            if writing.writer.written() >= until {
                return Ok(Step::Next(Backup::Writing(writing)));
            }
        }
        let names = self.catalog.look(tables::all_highest)?;
        let Writing { mut writer, totals, .. } = *writing;
        let mut end = || {
            names.chunks(NAMES_MAX).try_for_each(|names| writer.known(Kind::Names, &names))?;
            writer.known(Kind::End, &totals)
        };
        let ended = end().and_then(|()| writer.end());
        let (reader, hash) = ended.map_err(|error| error.failure(SO))?;
        Ok(Step::Next(Backup::Checking(Box::new(Checking { reader, hash, totals }))))
    }

    /// One that is gone by now is left out.
    fn write_secret(&mut self, writing: &mut Writing, handle: &Handle) -> Result<(), Failure> {
        let (vault, found, highest) = self.catalog.look(|read| {
            Ok((tables::vault(read)?, tables::secret(read, handle)?, tables::highest(read, handle)?))
        })?;
        let Some(row) = found else { return Ok(()) };
        let vault = vault.filter(|vault| *vault == writing.keys.vault()).ok_or_else(not_set_up)?;
        let part = SecretPart::of(&row, highest);
        writing.writer.known(Kind::Secret, &part).map_err(|error| error.failure(SO))?;
        for version in &row.versions {
            let sealed = self.load(Some(&writing.keys), &row, version).map_err(|not| {
                let what = format!("{}; {SO}", not.failure.what);
                Failure { what, ..not.failure }
            })?;
            let opened = writing.keys.open(&row.binding(vault, version), &sealed);
            let value = opened.map_err(|error| not_opened(&row, version, error))?;
            writing.writer.value(&value).map_err(|error| error.failure(SO))?;
            writing.totals.versions = writing.totals.versions.saturating_add(1);
        }
        writing.totals.secrets = writing.totals.secrets.saturating_add(1);
        Ok(())
    }
}

impl Checking {
    /// Opens some pieces of what was written; at its end all bytes must be those that were.
    fn go_on(mut self: Box<Self>) -> Result<Step, Broken> {
        let until = self.reader.position().saturating_add(STEP);
        loop {
            let (kind, plain) = self.reader.next()?;
            drop(plain);
            match kind {
                Kind::End if self.reader.hash() == self.hash => return Ok(Step::Done(self.totals)),
                Kind::End => return Err(crate::hazmat::backup::BackupError::Damaged.into()),
                Kind::Start | Kind::Secret | Kind::Value | Kind::Names => {}
            }
            if self.reader.position() >= until {
                return Ok(Step::Next(Backup::Checking(self)));
            }
        }
    }
}

fn not_empty() -> Failure {
    Failure::new(
        FailureClass::BadInput,
        "what the backup should go into is not a new file, so there is no backup",
        "ugent secret backup FILE   (a name that is not taken)",
    )
}

fn not_opened(row: &SecretRow, version: &VersionRow, error: OpenError) -> Failure {
    let (class, hint) = match error {
        OpenError::Damaged => (
            FailureClass::BadInput,
            format!("ugent secret rotate {} --stdin, and then the backup", row.handle),
        ),
        OpenError::NoSlot => {
            (FailureClass::TryAgain, "raise the limit on locked memory (ulimit -l)".to_owned())
        }
    };
    let what = format!("version {} of {} is damaged or cannot be opened, {SO}", version.version, row.handle);
    Failure::new(class, what, hint)
}
