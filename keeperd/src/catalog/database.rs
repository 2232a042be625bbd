//! Opening the catalog, and committing to it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};
use redb::{Builder, Database, ReadTransaction, ReadableDatabase, StorageError, WriteTransaction};

use super::lock::Locked;
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
    /// Dropped after the database.
    lock: Locked,
}

impl Catalog {
    /// Opens the catalog that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file =
            files::open_to_write(path).map_err(|error| files::io_failure("cannot open", path, &error))?;
        let lock = lock(path, file)?;
        let database = open(path, &lock)?;
        Ok(Self { path: path.to_owned(), database: Some(database), lock })
    }

    /// Makes an empty catalog. It gets its name once it is complete, so a crash leaves none or a
    /// whole one; if another keeper was faster, its catalog stays.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|_| Failure::new(FailureClass::Bug, "the kernel gave no random bytes", ""))?;
        let new = path.with_extension(format!("redb.{:016x}.new", u64::from_le_bytes(random)));
        let made = make(&new).and_then(|made| match std::fs::hard_link(&new, path) {
            Ok(()) => Ok(made),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(busy()),
            Err(error) => Err(files::io_failure("cannot make", path, &error)),
        });
        let _ = files::remove(&new);
        let (lock, database) = made?;
        path.parent()
            .map_or(Ok(()), files::sync_dir)
            .map_err(|error| files::io_failure("cannot sync the directory of", path, &error))?;
        Ok(Self { path: path.to_owned(), database: Some(database), lock })
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
            None => open(&self.path, &self.lock)?,
        };
        Ok(self.database.insert(database))
    }

    fn failed(&mut self, error: &redb::Error) -> Failure {
        self.database = None;
        failure(&self.path, error)
    }
}

fn make(path: &Path) -> Result<(Locked, Database), Failure> {
    let file = files::make(path).map_err(|error| files::io_failure("cannot make", path, &error))?;
    let lock = lock(path, file)?;
    let database = database(path, &lock)?;
    commit(&database, tables::make).map_err(|error| failure(path, &error))?;
    Ok((lock, database))
}

fn lock(path: &Path, file: File) -> Result<Locked, Failure> {
    let taken = Locked::take(file).map_err(|error| files::io_failure("cannot lock", path, &error))?;
    taken.ok_or_else(busy)
}

fn open(path: &Path, lock: &Locked) -> Result<Database, Failure> {
    let length = lock.len().map_err(|error| files::io_failure("cannot look at", path, &error))?;
    if length == 0 {
        // redb would make a new database of it.
        return Err(damaged(path));
    }
    let database = database(path, lock)?;
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

fn database(path: &Path, lock: &Locked) -> Result<Database, Failure> {
    let backend = lock.backend().map_err(|error| files::io_failure("cannot use", path, &error))?;
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder.create_with_backend(backend).map_err(|error| failure(path, &error.into()))
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
