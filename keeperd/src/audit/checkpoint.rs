//! The checkpoint's file: the journal's newest key, sealed, in `secrets/audit/checkpoint`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};

use super::places::{self, PlaceError};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::checkpoint::{self, CHECKPOINT_LEN, Checkpoint, Older};
use crate::hazmat::keys::{Keys, OpenError, SealError};
use crate::store::files;

/// Counter of the checkpoint a vault is made with.
pub(crate) const FIRST: u64 = 1;

/// A checkpoint, sealed and ready to be written.
pub(super) struct SealedCheckpoint {
    pub(super) counter: u64,
    /// Of the key in it.
    pub(super) step: u64,
    bytes: Vec<u8>,
}

impl SealedCheckpoint {
    pub(super) fn new(keys: &Keys, counter: u64, chain: &ChainKey) -> Result<Self, SealError> {
        Ok(Self { counter, step: chain.step(), bytes: checkpoint::seal(keys, counter, chain)? })
    }

    /// Writes it and wipes the one before. To be called when all records before its step are
    /// synced: a checkpoint must never be ahead of the journal.
    pub(super) fn write(&self, audit: &Path) -> Result<(), PlaceError> {
        places::write(&path(audit), self.counter, &self.bytes, places::Older::Wipe)
    }
}

/// The first checkpoint of a vault that is being made, before its header is written.
pub(crate) fn begin(audit: &Path, keys: &Keys, chain: &ChainKey) -> Result<(), Failure> {
    let sealed = SealedCheckpoint::new(keys, FIRST, chain).map_err(|error| match error {
        SealError::NoRandom => Failure::new(FailureClass::Bug, "the kernel gave no random bytes", ""),
        SealError::NoSlot => no_slot(),
    })?;
    let written = sealed.write(audit).map_err(PlaceError::into_io);
    written.map_err(|error| files::io_failure("cannot write", &path(audit), &error))
}

/// The newest checkpoint that opens under these keys.
pub(crate) fn newest(audit: &Path, keys: &Keys) -> Result<Checkpoint, Failure> {
    let path = path(audit);
    let both = match files::open(&path).and_then(|file| both(&file)) {
        Ok(both) => both,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(damaged(&path)),
        Err(error) => return Err(files::io_failure("cannot read", &path, &error)),
    };
    let newest = opened(keys, &both)?.into_iter().max_by_key(|checkpoint| checkpoint.counter);
    let mut newest = newest.ok_or_else(|| damaged(&path))?;
    if both.iter().all(|bytes| bytes.iter().any(|byte| *byte != 0)) {
        newest.older = Older::Remains;
    }
    Ok(newest)
}

/// What lies in both places; an overlong file holds none.
pub(super) fn both(file: &File) -> io::Result<[Vec<u8>; 2]> {
    match places::read(file, CHECKPOINT_LEN) {
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok([Vec::new(), Vec::new()]),
        read => read,
    }
}

/// Those that open under these keys. A crash may have cut one short, so one will do.
pub(super) fn opened(keys: &Keys, both: &[Vec<u8>; 2]) -> Result<Vec<Checkpoint>, Failure> {
    let mut found = Vec::new();
    for bytes in both {
        match checkpoint::open(keys, bytes) {
            Ok(checkpoint) => found.push(checkpoint),
            Err(OpenError::Damaged) => {}
            Err(OpenError::NoSlot) => return Err(no_slot()),
        }
    }
    Ok(found)
}

fn path(audit: &Path) -> PathBuf {
    audit.join("checkpoint")
}

fn no_slot() -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        "no locked memory is left for the journal's key",
        "raise the limit on locked memory (ulimit -l)",
    )
}

fn damaged(path: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("the journal's key in {} is missing or damaged", path.display()),
        "put secrets/audit back from a backup",
    )
}
