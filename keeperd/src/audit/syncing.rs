//! What the disk does not have yet: which files are to be synced, and when checkpoint and head are
//! due. At most one job is out at a time, so that a failed sync is met before the next is begun.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::SealedCheckpoint;
use super::head::{Head, SealedHead};
use super::journal::Journal;
use super::sync::{Lost, Names, Outcome, SyncDone, SyncJob};
use super::tail::Place;
use crate::hazmat::checkpoint::Older;
use crate::hazmat::keys::Keys;

/// A head stands this long behind the first record it does not cover.
const HEAD_DELAY: Duration = Duration::from_millis(800);
/// Keyed records between two checkpoints.
const CHECKPOINT_EVERY: u64 = 256;

/// What the disk does not have yet.
pub(super) struct Syncing {
    is_out: bool,
    files: Vec<Arc<File>>,
    names: Names,
    /// All records up to this seq are on disk.
    synced: u64,
    checkpoint: CheckpointState,
    head: HeadState,
}

struct CheckpointState {
    /// Of the newest.
    counter: u64,
    /// Of the key in the newest that is on disk.
    step: u64,
    /// Keyed records since.
    behind: u64,
    wanted: bool,
}

struct HeadState {
    /// Of the newest.
    counter: u64,
    /// Seq it covers.
    covers: u64,
    due: Option<Instant>,
    /// Counter of the one a job that is out writes.
    out: Option<u64>,
    /// Sealed while there were keys, and not written yet; oldest first. Written when no keys are
    /// there to seal a newer one: what a failed write left over, and what was sealed at the lock.
    waiting: VecDeque<SealedHead>,
}

impl Journal {
    /// What there is to do for the sync thread; none while a job is out or nothing is to be done.
    pub(crate) fn sync_job(&mut self, now: Instant) -> Option<SyncJob> {
        if self.syncing.is_out || self.broken.is_some() {
            return None;
        }
        let keyed = self.keyed.as_ref();
        let checkpoint = keyed
            .filter(|_| self.syncing.checkpoint.wanted)
            // Without a slot or random bytes the older checkpoint stands a little longer.
            .and_then(|keyed| {
                SealedCheckpoint::new(&keyed.keys, self.syncing.checkpoint.counter + 1, &keyed.written).ok()
            });
        let head = match keyed {
            _ if self.syncing.head.due.is_none_or(|due| due > now) => None,
            Some(keyed) => {
                // It covers more than any that was left over.
                self.syncing.head.waiting.clear();
                Some(self.syncing.seal_head(&keyed.keys, &self.written))
            }
            None => self.syncing.head.waiting.pop_front(),
        };
        self.syncing.head.taken(head.as_ref(), now);
        let covered = head.as_ref().map_or(self.syncing.covered(), |sealed| sealed.head.seq);
        let remove_before = self.retention.take_removable(covered);
        if !self.unsynced() && checkpoint.is_none() && head.is_none() && remove_before.is_none() {
            return None;
        }
        self.syncing.is_out = true;
        if checkpoint.is_some() {
            self.syncing.checkpoint.wanted = false;
            self.syncing.checkpoint.behind = 0;
        }
        Some(SyncJob {
            audit: self.audit.clone(),
            upto: self.written.tip.seq,
            segments: std::mem::take(&mut self.syncing.files),
            names: std::mem::replace(&mut self.syncing.names, Names::Durable),
            checkpoint,
            head,
            remove_before,
        })
    }

    /// Whether records were written that no finished job covers.
    pub(crate) fn unsynced(&self) -> bool {
        self.syncing.synced < self.written.tip.seq
    }

    /// When `sync_job` is to be asked for the sealed head; none while nothing waits for it.
    pub(crate) fn head_due(&self) -> Option<Instant> {
        self.syncing.head.due.filter(|_| self.broken.is_none())
    }
}

impl Syncing {
    pub(super) const fn new(synced: u64) -> Self {
        Self {
            is_out: false,
            files: Vec::new(),
            names: Names::Durable,
            synced,
            checkpoint: CheckpointState { counter: 0, step: 0, behind: 0, wanted: false },
            head: HeadState { counter: 0, covers: 0, due: None, out: None, waiting: VecDeque::new() },
        }
    }

    /// Keys are there, as of that checkpoint and head. Both may have been read before a job of ours
    /// wrote newer ones, and a counter must never fall: it would send the next write to the place of
    /// the newest, the only one a crash then could not spare.
    pub(super) fn unlocked(&mut self, counter: u64, older: Older, step: u64, behind: u64, head: &Head) {
        let wanted = behind >= CHECKPOINT_EVERY || older == Older::Remains;
        let known = &self.checkpoint;
        let (counter, step) = (known.counter.max(counter), known.step.max(step));
        self.checkpoint = CheckpointState { counter, step, behind, wanted };
        self.head.counter = self.head.counter.max(head.counter);
        self.head.covers = self.head.covers.max(head.seq);
        self.head.due = None;
        self.head.waiting.clear();
    }

    /// Keys are gone: the head of what is written so far is sealed while they still are at hand.
    pub(super) fn locked(&mut self, keys: &Keys, written: &Place, now: Instant) {
        self.checkpoint.wanted = false;
        self.head.due = None;
        self.head.waiting.clear();
        if self.head.covers < written.tip.seq {
            let last = self.seal_head(keys, written);
            self.head.waiting.push_back(last);
            self.head.due = Some(now);
        }
    }

    /// A file has something new.
    pub(super) fn touched(&mut self, file: &Arc<File>) {
        if !self.files.iter().any(|known| Arc::ptr_eq(known, file)) {
            self.files.push(Arc::clone(file));
        }
    }

    /// Records were written.
    pub(super) fn wrote(&mut self, from: &Place, to: &Place) {
        let steps = to.tip.step.unwrap_or(0).saturating_sub(from.tip.step.unwrap_or(0));
        let is_begun = from.segment != to.segment;
        self.checkpoint.behind = self.checkpoint.behind.saturating_add(steps);
        self.checkpoint.wanted |= self.checkpoint.behind >= CHECKPOINT_EVERY || (is_begun && steps > 0);
        if is_begun {
            self.names = Names::New;
        }
    }

    /// The head is due now, if it does not cover that seq. For when there are keys.
    pub(super) fn hurry_head(&mut self, written: u64, now: Instant) {
        if self.head.covers < written {
            self.head.due = Some(now);
        }
    }

    /// The heads that wait are due now, if any does.
    pub(super) fn hurry_waiting(&mut self, now: Instant) {
        if !self.head.waiting.is_empty() {
            self.head.due = Some(now);
        }
    }

    /// The head is due soon, if it does not cover all that is synced.
    pub(super) fn head_falls_due(&mut self, now: Instant) {
        if self.head.covers < self.synced && self.head.due.is_none() {
            self.head.due = now.checked_add(HEAD_DELAY);
        }
    }

    /// Takes a job's outcome; all records up to the returned seq are on disk.
    pub(super) fn finished(&mut self, done: SyncDone, now: Instant) -> Result<u64, Lost> {
        self.is_out = false;
        self.head.out = None;
        if done.records.is_ok() {
            self.synced = self.synced.max(done.upto);
        }
        match done.checkpoint {
            // The keys may have gone and come back meanwhile, hence the greater of both.
            Outcome::Done((counter, step)) => {
                self.checkpoint.counter = self.checkpoint.counter.max(counter);
                self.checkpoint.step = self.checkpoint.step.max(step);
            }
            // Tried again with the next record.
            Outcome::Failed(_) => self.checkpoint.behind = CHECKPOINT_EVERY,
            Outcome::None => {}
        }
        match done.head {
            Outcome::Done(SealedHead { head, .. }) => {
                self.head.counter = self.head.counter.max(head.counter);
                self.head.covers = self.head.covers.max(head.seq);
                if !self.head.waiting.is_empty() {
                    self.head.due = Some(now);
                }
            }
            // The keys may be gone, so it is kept; before any newer, which belongs in the other place.
            Outcome::Failed(sealed) => {
                self.head.waiting.push_front(sealed);
                self.head.due = now.checked_add(HEAD_DELAY);
            }
            Outcome::None => {}
        }
        done.records.map(|()| self.synced)
    }

    /// All that was written is on the disk after all, in other files.
    pub(super) fn written_anew(&mut self, written: u64) {
        self.synced = written;
        self.files.clear();
        self.names = Names::Durable;
    }

    /// Seq up to which the newest head on disk covers the journal.
    pub(super) const fn covered(&self) -> u64 {
        self.head.covers
    }

    /// Step of the newest checkpoint on disk.
    pub(super) const fn checkpointed(&self) -> u64 {
        self.checkpoint.step
    }

    fn seal_head(&self, keys: &Keys, written: &Place) -> SealedHead {
        // A head that is being written right now has a counter of its own.
        let counter = self.head.counter.max(self.head.out.unwrap_or(0)) + 1;
        SealedHead::new(keys, Head { counter, seq: written.tip.seq, link: written.tip.link })
    }
}

impl HeadState {
    /// What was due is in a job now. What waits behind it is due when that is done; with nothing to
    /// write and no keys to seal with, nothing may stay due, or the loop would never sleep again.
    fn taken(&mut self, head: Option<&SealedHead>, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.out = head.map(|sealed| sealed.head.counter);
        }
    }
}
