//! The journal's writing end, in the loop thread: records are added, then written all at once, then
//! synced elsewhere. It must never wait for the disk but in [`Journal::finish`], and must never
//! report as recorded what a crash could still take (INV-04).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use proto::failure::Failure;
use proto::journal::{BODY_MAX, Event, LINK_LEN, Record};
use proto::meta::RecordSeq;

use super::adding::{Part, bug};
use super::kept::Kept;
use super::retention::Retention;
use super::segment_file::SegmentFile;
use super::segments;
use super::sync::{Lost, SyncDone};
use super::syncing::Syncing;
use super::tail::{self, Place, Repair};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::keys::Keys;
use crate::store::files;

/// A segment that would grow beyond this is followed by another.
const SEGMENT_MAX: u64 = 4 * 1024 * 1024;
/// No record is longer: length, body, link.
const RECORD_MAX: u64 = (4 + BODY_MAX + LINK_LEN) as u64;

/// The journal's writing end.
pub(crate) struct Journal {
    pub(super) audit: PathBuf,
    /// The journal as it is in its files.
    pub(super) written: Place,
    /// The journal as it will be when all that was added is written.
    pub(super) ahead: Place,
    pub(super) added: Vec<Part>,
    pub(super) current: Option<SegmentFile>,
    pub(super) repair: Option<Repair>,
    pub(super) keyed: Option<Keyed>,
    pub(super) syncing: Syncing,
    /// Why nothing is ever recorded again.
    pub(super) broken: Option<Failure>,
    pub(super) segment_max: u64,
    pub(super) retention: Retention,
    pub(super) kept: Kept,
    /// What a person should hear of a sync that failed and was mended.
    mended: Option<Failure>,
}

/// What only an open vault has.
pub(super) struct Keyed {
    pub(super) keys: Arc<Keys>,
    /// Key of the first keyed record after `written`.
    pub(super) written: ChainKey,
    /// Key of the first keyed record after `ahead`.
    pub(super) ahead: ChainKey,
}

impl Journal {
    /// Finds the journal's end. Writes and makes nothing: a missing directory is made at the first
    /// write, and what a crash left is repaired then.
    pub(crate) fn open(audit: &Path) -> Result<Self, Failure> {
        let (place, repair) = tail::find(audit)?;
        Ok(Self {
            audit: audit.to_owned(),
            written: place,
            ahead: place,
            added: Vec::new(),
            current: None,
            repair,
            keyed: None,
            syncing: Syncing::new(place.tip.seq),
            broken: None,
            segment_max: SEGMENT_MAX,
            retention: Retention::nothing(),
            kept: Kept::nothing(),
            mended: None,
        })
    }

    /// Adds a record; it is in the journal once `write` has returned, and on disk once `synced`
    /// says so. Sets its seq and how it is chained.
    pub(crate) fn add(&mut self, record: Record) -> Result<RecordSeq, Failure> {
        self.usable()?;
        if self.repair.is_some() && self.added.is_empty() {
            self.chain(Record::of(Event::JournalRepaired, record.time))?;
        }
        self.chain(record)
    }

    /// Writes all that was added. If that fails, none of it counts and the journal is as it was
    /// before the first of it was added.
    pub(crate) fn write(&mut self) -> Result<(), Failure> {
        self.usable()?;
        let added = std::mem::take(&mut self.added);
        if added.is_empty() {
            return Ok(());
        }
        let mut touched = Vec::new();
        if let Err(failure) = self.write_parts(&added, &mut touched) {
            self.go_back(touched);
            return Err(failure);
        }
        touched.iter().for_each(|segment| self.syncing.touched(&segment.file));
        self.current = touched.pop();
        self.repair = None;
        self.syncing.wrote(&self.written, &self.ahead);
        if self.written.segment != self.ahead.segment {
            self.retention.look_at(Instant::now());
        }
        self.written = self.ahead;
        self.kept.wrote(added, self.written.tip.seq);
        if let Some(keyed) = &mut self.keyed {
            keyed.written.become_like(&keyed.ahead);
        }
        Ok(())
    }

    /// Takes a job's outcome: all records up to the returned one are on disk.
    pub(crate) fn synced(&mut self, done: SyncDone, now: Instant) -> Result<RecordSeq, Failure> {
        match self.syncing.finished(done, now) {
            Ok(seq) => {
                self.kept.synced(seq, self.written.tip.seq);
                if self.keyed.is_some() {
                    self.syncing.head_falls_due(now);
                }
                Ok(RecordSeq(seq))
            }
            Err(lost) => self.after_a_failed_sync(&lost, now),
        }
    }

    /// A sync that failed and was mended since this was asked last.
    pub(crate) fn take_mended(&mut self) -> Option<Failure> {
        self.mended.take()
    }

    /// INV-04: what the kernel failed to write once it may have forgotten. What is not on the disk is
    /// written into a new file; if that cannot be, nothing is ever recorded again.
    fn after_a_failed_sync(&mut self, lost: &Lost, now: Instant) -> Result<RecordSeq, Failure> {
        let told = |error: &io::Error| files::io_failure("cannot sync the journal in", &self.audit, error);
        let failure = match lost {
            Lost::Other(error) => told(error),
            Lost::Segments(error) => {
                let failure = told(error);
                let anew = self
                    .kept
                    .write_anew(&self.audit)
                    .and_then(|()| SegmentFile::open(&self.audit, self.written.segment, self.written.end));
                if let Ok(segment) = anew {
                    self.current = Some(segment);
                    self.syncing.written_anew(self.written.tip.seq);
                    if self.keyed.is_some() {
                        self.syncing.head_falls_due(now);
                    }
                    self.mended = Some(failure);
                    return Ok(RecordSeq(self.written.tip.seq));
                }
                failure
            }
        };
        Err(self.broken.insert(failure).clone())
    }

    /// Writes, syncs and seals the head in this thread: the last thing before an orderly end. A job
    /// that is out must have been handed back by `synced`.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.write()?;
        if self.keyed.is_some() {
            self.syncing.hurry_head(self.written.tip.seq, now);
        } else {
            self.syncing.hurry_waiting(now);
        }
        // More than one where heads wait; what fails is due later than now, so this ends.
        while let Some(job) = self.sync_job(now) {
            self.synced(job.run(), now)?;
        }
        if self.unsynced() { Err(bug("the journal is closed while a sync is out")) } else { Ok(()) }
    }

    /// Finds out, before something is done that must be recorded, whether its record will have
    /// room on the disk. Each keeper writes a record when it is unlocked; before that, and where a
    /// new segment would begin, only the write itself can tell.
    pub(crate) fn reserve(&mut self) -> Result<(), Failure> {
        self.usable()?;
        let end = self.written.end + RECORD_MAX;
        match self.current.as_mut().filter(|_| end <= self.segment_max) {
            Some(current) => current
                .take_room(end)
                .map_err(|error| files::io_failure("there is no room for a record in", &self.audit, &error)),
            None => Ok(()),
        }
    }

    /// Why nothing is recorded any more, if so.
    pub(crate) const fn broken(&self) -> Option<&Failure> {
        self.broken.as_ref()
    }

    pub(super) fn usable(&self) -> Result<(), Failure> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn write_parts(&mut self, parts: &[Part], touched: &mut Vec<SegmentFile>) -> Result<(), Failure> {
        if self.current.is_none() {
            files::ensure_dir(&self.audit)?;
        }
        self.write_files(parts, touched)
            .map_err(|error| files::io_failure("cannot write the journal in", &self.audit, &error))
    }

    fn write_files(&mut self, parts: &[Part], touched: &mut Vec<SegmentFile>) -> io::Result<()> {
        for number in self.repair.iter().flat_map(|repair| &repair.remove) {
            files::remove(&segments::path(&self.audit, *number))?;
        }
        for part in parts {
            let mut segment = match self.current.take().filter(|segment| segment.number == part.segment) {
                Some(segment) => segment,
                None if part.at == 0 => SegmentFile::make(&self.audit, part.segment)?,
                None => SegmentFile::open(&self.audit, part.segment, part.at)?,
            };
            let written = segment.write(&part.bytes, part.at);
            touched.push(segment);
            written?;
        }
        Ok(())
    }

    /// After a failed write: takes away what did get written. A journal that cannot be brought
    /// back to where it was is not written to again.
    fn go_back(&mut self, touched: Vec<SegmentFile>) {
        self.ahead = self.written;
        self.retention.forget_behind(self.written.tip.seq);
        if let Some(keyed) = &mut self.keyed {
            keyed.ahead.become_like(&keyed.written);
        }
        for mut segment in touched {
            let undone = if segment.number == self.written.segment {
                segment.cut(self.written.end)
            } else {
                files::remove(&segments::path(&self.audit, segment.number))
            };
            match undone {
                Ok(()) if segment.number == self.written.segment => self.current = Some(segment),
                Ok(()) => {}
                Err(error) => {
                    let what = "cannot undo a failed write of the journal in";
                    self.broken = Some(files::io_failure(what, &self.audit, &error));
                }
            }
        }
    }
}
