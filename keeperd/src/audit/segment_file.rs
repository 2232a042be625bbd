//! The segment that is being written: its room is taken from the disk before it is needed, so that
//! a full disk is met before a record is half written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use super::segments;
use crate::store::files;

/// How much room is taken at once; small, so that a small disk is not eaten.
const STEP: u64 = 256 * 1024;

/// A segment, open for writing.
pub(super) struct SegmentFile {
    pub(super) number: u32,
    pub(super) file: Arc<File>,
    /// Up to where room is taken.
    room: u64,
    /// Bytes after which writes fail as on a full disk.
    #[cfg(test)]
    pub(super) full_after: Option<usize>,
}

impl SegmentFile {
    /// Begins a segment.
    pub(super) fn make(audit: &Path, number: u32) -> io::Result<Self> {
        Ok(Self::of(number, files::make(&segments::path(audit, number))?, 0))
    }

    /// Goes on with a segment, of which everything behind `end` is cut off.
    pub(super) fn open(audit: &Path, number: u32, end: u64) -> io::Result<Self> {
        let file = files::open_to_write(&segments::path(audit, number))?;
        file.set_len(end)?;
        Ok(Self::of(number, file, end))
    }

    /// Writes all bytes at that place.
    pub(super) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.take_room(at + bytes.len() as u64)?;
        #[cfg(test)]
        if let Some(part) = self.full_after.and_then(|after| bytes.get(..after)) {
            self.file.write_all_at(part, at)?;
            return Err(Errno::ENOSPC.into());
        }
        self.file.write_all_at(bytes, at)
    }

    /// Cuts off everything behind `end`.
    pub(super) fn cut(&mut self, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        self.room = end;
        Ok(())
    }

    fn of(number: u32, file: File, room: u64) -> Self {
        Self {
            number,
            file: Arc::new(file),
            room,
            #[cfg(test)]
            full_after: None,
        }
    }

    /// Takes room up to that place, if there is none yet.
    pub(super) fn take_room(&mut self, end: u64) -> io::Result<()> {
        if end <= self.room {
            return Ok(());
        }
        let wanted = end.next_multiple_of(STEP);
        // If there is not that much, there may be enough.
        self.room = match self.allocate(wanted).or_else(|_| self.allocate(end)) {
            Ok(room) => room,
            // This file system cannot; then the write itself says whether there is room.
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => end,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    fn allocate(&self, end: u64) -> Result<u64, Errno> {
        let signed = |value: u64| i64::try_from(value).map_err(|_| Errno::EFBIG);
        let (from, len) = (signed(self.room)?, signed(end - self.room)?);
        fallocate(&*self.file, FallocateFlags::empty(), from, len)?;
        Ok(end)
    }
}
