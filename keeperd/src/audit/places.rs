//! A small file of two alternating places, at 0 and 4096: the newer is written while the older
//! still stands, so that a crash leaves at least one whole. Used for the checkpoint and the head.
//! What lies in a place is judged by its reader; nothing here knows a format.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::store::files;

/// Bytes of a place: apart by more than a disk's sector.
const PLACE: usize = 4096;
/// What becomes of the older place once the newer is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Older {
    /// It stays.
    Keep,
    /// It is overwritten with zeros, and that is synced too.
    Wipe,
}

/// Why a place was not written.
#[derive(Debug)]
pub(super) enum PlaceError {
    /// Nothing was lost: it may be tried again.
    Write(io::Error),
    /// The disk may have lost what it said it had: never retried on the same file.
    Sync(io::Error),
}

impl PlaceError {
    /// For a caller that gives up either way.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Self::Write(error) | Self::Sync(error) => error,
        }
    }
}

/// Writes the place that the counter's parity names, and syncs it. Makes the file if it is missing.
pub(super) fn write(path: &Path, counter: u64, bytes: &[u8], older: Older) -> Result<(), PlaceError> {
    let file = open_or_make(path).map_err(PlaceError::Write)?;
    let (newer_at, older_at) = if counter.is_multiple_of(2) { (0, PLACE as u64) } else { (PLACE as u64, 0) };
    file.write_all_at(bytes, newer_at).map_err(PlaceError::Write)?;
    file.sync_data().map_err(PlaceError::Sync)?;
    match older {
        Older::Keep => Ok(()),
        Older::Wipe => {
            file.write_all_at(&[0; PLACE], older_at).map_err(PlaceError::Write)?;
            file.sync_data().map_err(PlaceError::Sync)
        }
    }
}

/// The content of both places, cut to `len` bytes each; what the file does not hold is zeros. Reads
/// from where the descriptor stands, so that one that was passed, even a pipe, will do.
pub(super) fn read(file: &File, len: usize) -> io::Result<[Vec<u8>; 2]> {
    let mut bytes = files::read(file, 2 * PLACE)?;
    bytes.resize(2 * PLACE, 0);
    let (first, second) = bytes.split_at(PLACE);
    Ok([first, second].map(|place| place.iter().take(len).copied().collect()))
}

fn open_or_make(path: &Path) -> io::Result<File> {
    match files::open_to_write(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // All its room at once, so that a full disk is met here and not in mid-life.
            files::make_whole(path, &[0; 2 * PLACE])?;
            files::open_to_write(path)
        }
        opened => opened,
    }
}
