//! The journal as the loop uses it: append in the loop, sync in a thread of its own.
//!
//! A damaged or broken journal records nothing, and then nothing that needs a record happens.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proto::failure::Failure;
use proto::journal::Record;
use proto::meta::RecordSeq;

use super::wake::{self, Bell};
use crate::audit::{Journal, SyncDone, SyncJob};

/// How long a use under a synced lease may stay unsynced.
const LAZY: Duration = Duration::from_millis(50);

/// How soon a record must be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Somebody waits for it.
    Now,
    /// Within [`LAZY`].
    Soon,
}

/// Proof that a record is on disk. Made here only, from the sync thread's report (INV-04).
#[derive(Clone, Copy, Debug)]
pub(super) struct Receipt {
    _synced: (),
}

/// Journal and sync thread.
pub(super) struct Recorder {
    journal: Result<Journal, Failure>,
    jobs: Option<Sender<SyncJob>>,
    reports: Receiver<SyncDone>,
    thread: Option<JoinHandle<()>>,
    out: JobOut,
    due: Option<Instant>,
    added: RecordSeq,
    written: RecordSeq,
    synced: RecordSeq,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum JobOut {
    Yes,
    No,
}

impl Recorder {
    pub(super) fn start(journal: Result<Journal, Failure>, bell: Bell) -> std::io::Result<Self> {
        let (jobs, inbox) = channel::<SyncJob>();
        let (outbox, reports) = channel();
        let thread = wake::thread("sync", move || {
            while let Ok(job) = inbox.recv() {
                if outbox.send(job.run()).is_err() {
                    return;
                }
                bell.ring();
            }
        })?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        let none = RecordSeq(0);
        let (out, due) = (JobOut::No, None);
        Ok(Self { journal, jobs, reports, thread, out, due, added: none, written: none, synced: none })
    }

    /// The journal, or why there is none.
    pub(super) fn journal(&mut self) -> Result<&mut Journal, Failure> {
        self.journal.as_mut().map_err(|failure| failure.clone())
    }

    /// Why nothing can be recorded, if nothing can.
    pub(super) fn broken(&self) -> Option<&Failure> {
        match &self.journal {
            Ok(journal) => journal.broken(),
            Err(failure) => Some(failure),
        }
    }

    /// Adds a record to those of this turn.
    pub(super) fn add(&mut self, record: Record, urgency: Urgency) -> Result<RecordSeq, Failure> {
        let seq = self.journal()?.add(record)?;
        self.added = seq;
        let now = Instant::now();
        let by = match urgency {
            Urgency::Now => now,
            Urgency::Soon => now + LAZY,
        };
        self.due = Some(self.due.map_or(by, |due| due.min(by)));
        Ok(seq)
    }

    /// Writes the records of this turn, all or none.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        let result = match &mut self.journal {
            Ok(journal) => journal.write(),
            // Nothing was ever added.
            Err(_) => Ok(()),
        };
        match &result {
            Ok(()) => self.written = self.added,
            Err(_) => self.added = self.written,
        }
        result
    }

    /// Whether this turn has records that are not written.
    pub(super) fn has_added(&self) -> bool {
        self.added > self.written
    }

    /// Seq of the last record that was written.
    pub(super) const fn written(&self) -> RecordSeq {
        self.written
    }

    /// Whether that record is on disk.
    pub(super) fn receipt(&self, seq: RecordSeq) -> Option<Receipt> {
        (seq <= self.synced).then_some(Receipt { _synced: () })
    }

    /// Gives the sync thread work, if some is due and it has none.
    pub(super) fn dispatch(&mut self) {
        let now = Instant::now();
        let Ok(journal) = &mut self.journal else { return };
        let due = self.due.is_some_and(|due| due <= now) || journal.head_due().is_some_and(|due| due <= now);
        if self.out == JobOut::Yes || !due {
            return;
        }
        self.due = None;
        if let Some(job) = journal.sync_job(now) {
            self.out = JobOut::Yes;
            // The thread lives as long as this sender, which only `finish` drops.
            if let Some(jobs) = &self.jobs {
                let _ = jobs.send(job);
            }
        }
    }

    /// When `dispatch` should be called next, if at all.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.out == JobOut::Yes {
            return None;
        }
        let head = self.journal.as_ref().ok().and_then(Journal::head_due);
        self.due.into_iter().chain(head).min()
    }

    /// Takes the sync thread's report, if there is one: whether more is on disk than before.
    ///
    /// # Errors
    /// [`Failure`] if the sync failed: the journal is of no more use.
    pub(super) fn collect(&mut self) -> Result<Option<RecordSeq>, Failure> {
        let Ok(done) = self.reports.try_recv() else { return Ok(None) };
        self.out = JobOut::No;
        let synced = self.journal()?.synced(done, Instant::now());
        match synced {
            Ok(seq) => {
                self.synced = self.synced.max(seq);
                if self.due.is_none() && self.journal()?.unsynced() {
                    self.due = Some(Instant::now() + LAZY);
                }
                Ok(Some(seq))
            }
            // The journal is broken from now on and says so itself: what was added and not yet
            // written fails when it is (INV-04).
            Err(failure) => Err(failure),
        }
    }

    /// A sync that failed and was mended since this was asked last.
    pub(super) fn take_mended(&mut self) -> Option<Failure> {
        self.journal.as_mut().ok().and_then(Journal::take_mended)
    }

    /// Syncs all that was written, and seals the head: the last thing a keeper does.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.jobs = None;
        // As in `slow`: a panic would have ended the process.
        let _ = self.thread.take().map(JoinHandle::join);
        let Ok(journal) = &mut self.journal else { return Ok(()) };
        // One that was broken all along is no news at the end: whoever needed it was told.
        if journal.broken().is_some() {
            return Ok(());
        }
        while let Ok(done) = self.reports.try_recv() {
            journal.synced(done, Instant::now())?;
        }
        journal.write()?;
        journal.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use proto::journal::Event;

    use super::*;
    use crate::clock::wall;

    /// A recorder whose sync thread is the test.
    fn recorder(journal: Journal) -> (Recorder, Receiver<SyncJob>, Sender<SyncDone>) {
        let (jobs, inbox) = channel();
        let (outbox, reports) = channel();
        let none = RecordSeq(0);
        let recorder = Recorder {
            journal: Ok(journal),
            jobs: Some(jobs),
            reports,
            thread: None,
            out: JobOut::No,
            due: None,
            added: none,
            written: none,
            synced: none,
        };
        (recorder, inbox, outbox)
    }

    #[test]
    fn what_was_added_when_a_sync_fails_is_not_taken_for_written() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("audit")).unwrap();
        let (mut recorder, inbox, outbox) = recorder(journal);
        let issued = recorder.add(Record::of(Event::LeaseIssued, wall()), Urgency::Now).unwrap();
        recorder.write().unwrap();
        recorder.dispatch();
        let job = inbox.recv().unwrap();

        // In one turn: a use is added, and then the failure of the sync is heard of.
        recorder.add(Record::of(Event::LeaseUsed, wall()), Urgency::Soon).unwrap();
        outbox.send(job.run().failed()).unwrap();
        assert!(recorder.collect().is_err());
        assert!(recorder.has_added());
        assert!(recorder.write().is_err(), "INV-04: a value that waits for this record must not leave");
        assert!(recorder.receipt(issued).is_none(), "nor one under that lease");
        assert!(recorder.broken().is_some());
        assert!(recorder.add(Record::of(Event::LeaseUsed, wall()), Urgency::Soon).is_err());
    }
}
