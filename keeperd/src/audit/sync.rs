//! The sync thread's work: what was written becomes durable, then the checkpoint and the head that
//! may only follow it. The loop makes a job and takes its outcome; nothing here decides.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::checkpoint::SealedCheckpoint;
use super::head::SealedHead;
use super::places::PlaceError;
use super::retention;
use crate::store::files;

/// What is to be synced.
pub(crate) struct SyncJob {
    pub(super) audit: PathBuf,
    /// Seq of the last record that was written when the job was made.
    pub(super) upto: u64,
    pub(super) segments: Vec<Arc<File>>,
    pub(super) names: Names,
    pub(super) checkpoint: Option<SealedCheckpoint>,
    pub(super) head: Option<SealedHead>,
    /// Segments before this one are to go.
    pub(super) remove_before: Option<u32>,
}

/// Whether the directory has names that may not be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// None.
    Durable,
    /// A segment was begun.
    New,
}

/// How it went.
pub(crate) struct SyncDone {
    pub(super) upto: u64,
    /// A failed sync is never tried again on the same file: the kernel may have dropped what it could
    /// not write.
    pub(super) records: Result<(), Lost>,
    /// Counter and step of the one that was written.
    pub(super) checkpoint: Outcome<(u64, u64)>,
    /// With the head itself, which after a lock nobody could seal again.
    pub(super) head: Outcome<SealedHead>,
}

/// A sync that failed.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Of a segment, which can be written anew.
    Segments(io::Error),
    /// Of a directory, the checkpoint or the head.
    Other(io::Error),
}

/// How a part went.
pub(super) enum Outcome<T> {
    /// There was nothing to do.
    None,
    /// Done.
    Done(T),
    /// Not done; may be tried again.
    Failed(T),
}

impl SyncJob {
    /// Blocks on the disk; for the sync thread only.
    pub(crate) fn run(self) -> SyncDone {
        let mut done =
            SyncDone { upto: self.upto, records: Ok(()), checkpoint: Outcome::None, head: Outcome::None };
        done.records = self.sync_records();
        // INV-10: neither may ever be ahead of what is on disk.
        if let Some(checkpoint) = &self.checkpoint {
            let what = (checkpoint.counter, checkpoint.step);
            done.checkpoint = match done.records {
                Ok(()) => done.take(checkpoint.write(&self.audit), what),
                Err(_) => Outcome::Failed(what),
            };
        }
        if let Some(head) = self.head {
            done.head = match done.records {
                Ok(()) => done.take(head.write(&self.audit), head),
                Err(_) => Outcome::Failed(head),
            };
        }
        // INV-10: what is recorded of the cut is under a head before anything goes.
        let is_covered = done.records.is_ok() && !matches!(done.head, Outcome::Failed(_));
        if let Some(first_kept) = self.remove_before.filter(|_| is_covered) {
            retention::remove_before(&self.audit, first_kept);
        }
        done
    }

    fn sync_records(&self) -> Result<(), Lost> {
        self.segments.iter().try_for_each(|file| file.sync_data()).map_err(Lost::Segments)?;
        match self.names {
            Names::Durable => Ok(()),
            Names::New => files::sync_dir(&self.audit).map_err(Lost::Other),
        }
    }
}

impl SyncDone {
    /// As if the disk had failed.
    #[cfg(test)]
    pub(crate) fn failed(self) -> Self {
        Self { records: Err(Lost::Other(io::ErrorKind::Other.into())), ..self }
    }

    /// As if it had failed to write a segment.
    #[cfg(test)]
    pub(super) fn lost_a_segment(self) -> Self {
        let head = match self.head {
            Outcome::Done(head) => Outcome::Failed(head),
            other @ (Outcome::None | Outcome::Failed(_)) => other,
        };
        Self { records: Err(Lost::Segments(io::ErrorKind::Other.into())), head, ..self }
    }

    fn take<T>(&mut self, written: Result<(), PlaceError>, what: T) -> Outcome<T> {
        match written {
            Ok(()) => Outcome::Done(what),
            Err(PlaceError::Write(_)) => Outcome::Failed(what),
            Err(PlaceError::Sync(error)) => {
                self.records = Err(Lost::Other(error));
                Outcome::Failed(what)
            }
        }
    }
}
