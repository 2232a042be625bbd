//! The catalog's file, locked for as long as the catalog is open: the lock on everything below
//! `secrets/`, journal and chain included. It must never be let go of before that: redb's own would
//! be, since a database that failed once is of no more use and must be dropped and opened anew, and
//! another keeper would slip in between and write to the journal of the first.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

use redb::StorageBackend;

/// The catalog's file, locked.
///
/// The lock (flock) belongs to what the descriptor has open, so the copies a database is given
/// share it and give nothing back when they go; the kernel takes it back with the last of them. It
/// is on the catalog itself because that is there before every other file of a vault, and because
/// any redb asks for the same lock. `secrets/` itself is locked by the launcher.
pub(super) struct Locked(File);

impl Locked {
    /// Takes the lock; none if somebody else has it.
    pub(super) fn take(file: File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file's length.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Something for a database to work on, which may be dropped while the lock stays. Not for two
    /// databases at a time.
    pub(super) fn backend(&self) -> io::Result<impl StorageBackend + use<>> {
        self.0.try_clone().map(Unlocked)
    }
}

/// A file whose lock is none of redb's business: for redb this is a platform without locks.
#[derive(Debug)]
struct Unlocked(File);

impl StorageBackend for Unlocked {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
