//! Opening the catalog, and committing to it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError, WriteTransaction,
};

use super::tables;
use crate::store::files;

/// The catalog holds a few hundred bytes a secret; redb would take up to a gigabyte.
const CACHE: usize = 1024 * 1024;

/// The open catalog, and with it the lock.
pub(crate) struct Catalog {
    path: PathBuf,
    /// None after a commit failed: redb takes no more from a database that failed once, so it is
    /// opened again when it is needed next (a full disk may have room again by then).
    database: Option<Database>,
}

impl Catalog {
    /// Opens the catalog that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let database = open(path)?;
        Ok(Self { path: path.to_owned(), database: Some(database) })
    }

    /// Makes an empty catalog. It gets its name once it is complete, so a crash leaves none or a
    /// whole one; if another keeper was faster, its catalog stays.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|_| Failure::new(FailureClass::Bug, "the kernel gave no random bytes", ""))?;
        let new = path.with_extension(format!("redb.{:016x}.new", u64::from_le_bytes(random)));
        let made = make(&new).and_then(|database| match std::fs::hard_link(&new, path) {
            Ok(()) => Ok(database),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(busy()),
            Err(error) => Err(files::io_failure("cannot make", path, &error)),
        });
        let _ = files::remove(&new);
        let database = made?;
        path.parent()
            .map_or(Ok(()), files::sync_dir)
            .map_err(|error| files::io_failure("cannot sync the directory of", path, &error))?;
        Ok(Self { path: path.to_owned(), database: Some(database) })
    }

    /// Looks things up.
    pub(crate) fn look<T>(
        &mut self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, Failure> {
        let found = self.database()?.begin_read().map_err(redb::Error::from).and_then(|read| look(&read));
        found.map_err(|error| self.failed(&error))
    }

    /// Makes one durable change, wholly or not at all.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), Failure> {
        let changed = commit(self.database()?, change);
        changed.map_err(|error| self.failed(&error))
    }

    fn database(&mut self) -> Result<&Database, Failure> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        Ok(self.database.insert(database))
    }

    fn failed(&mut self, error: &redb::Error) -> Failure {
        self.database = None;
        failure(&self.path, error)
    }
}

fn make(path: &Path) -> Result<Database, Failure> {
    let file = files::make(path).map_err(|error| files::io_failure("cannot make", path, &error))?;
    let database = database(file).map_err(|error| failure(path, &error.into()))?;
    commit(&database, tables::make).map_err(|error| failure(path, &error))?;
    Ok(database)
}

fn open(path: &Path) -> Result<Database, Failure> {
    let file = files::open_to_write(path).map_err(|error| files::io_failure("cannot open", path, &error))?;
    let length = file.metadata().map_err(|error| files::io_failure("cannot look at", path, &error))?.len();
    if length == 0 {
        // redb would make a new database of it.
        return Err(damaged(path));
    }
    let database = database(file).map_err(|error| failure(path, &error.into()))?;
    let format = database.begin_read().map_err(redb::Error::from).and_then(|read| tables::format(&read));
    match format.map_err(|error| failure(path, &error))? {
        Some(tables::FORMAT) => Ok(database),
        Some(later) if later > tables::FORMAT => Err(Failure::new(
            FailureClass::Config,
            format!("{} was written by a later version of this software", path.display()),
            "use the version that wrote it, or a later one",
        )),
        Some(_) | None => Err(damaged(path)),
    }
}

fn database(file: File) -> Result<Database, DatabaseError> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder.create_with_backend(FileBackend::new(file)?)
}

fn commit(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut write = database.begin_write()?;
    // INV-12: after a kill, the next opening takes no longer than any other.
    write.set_quick_repair(true);
    change(&write)?;
    Ok(write.commit()?)
}

fn failure(path: &Path, error: &redb::Error) -> Failure {
    if let redb::Error::Io(error) = error {
        let is_damaged = error.kind() == io::ErrorKind::InvalidData;
        return if is_damaged { damaged(path) } else { files::io_failure("cannot use", path, error) };
    }
    if matches!(error, redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) {
        return busy();
    }
    if matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::RepairAborted
            | redb::Error::UpgradeRequired(_)
    ) {
        return damaged(path);
    }
    Failure::new(FailureClass::Io, format!("cannot use {}: {error}", path.display()), "")
}

fn busy() -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        "another command or a broker that is starting uses the vault",
        "try again in a moment",
    )
}

fn damaged(path: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} is damaged, or is not a catalog", path.display()),
        "put it back from a backup",
    )
}

/// A row that does not decode.
pub(super) fn malformed(what: &str) -> redb::Error {
    StorageError::Corrupted(format!("a row of {what} is malformed")).into()
}
