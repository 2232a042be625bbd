//! What a verifier holds the chain against, besides its own links: the sealed head, the checkpoints
//! of its key, what was recorded of a cut, and a record that was noted elsewhere (INV-10). It only
//! compares; nothing here reads a file or derives a key.

use proto::journal::{Chained, Event, Noted, Record, SegmentHeader};

use super::chain::Tip;
use super::head::{Claims, Head};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::checkpoint::Checkpoint;
use crate::hazmat::keys::Keys;

/// What there is besides the segments.
pub(super) struct Evidence {
    head: Option<Head>,
    /// Whether the record the head names was met.
    at_head: Met,
    /// Those that were not met yet.
    checkpoints: Vec<ChainKey>,
    /// Whether there was one at all.
    has_checkpoint: bool,
    noted: Option<Noted>,
    /// Seq of the last record that is gone; 0 if none is.
    cut: u64,
    /// The furthest cut that a keyed record tells of.
    recorded_cut: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    No,
}

impl Evidence {
    pub(super) fn new(
        keys: &Keys,
        claims: &Claims,
        checkpoints: Vec<Checkpoint>,
        noted: Option<Noted>,
    ) -> Self {
        let head = claims.newest_of_whole(keys);
        Self {
            head,
            at_head: if head.is_some_and(|head| head.seq == 0) { Met::Yes } else { Met::No },
            has_checkpoint: !checkpoints.is_empty(),
            checkpoints: checkpoints.into_iter().map(|checkpoint| checkpoint.chain).collect(),
            noted,
            cut: 0,
            recorded_cut: 0,
        }
    }

    /// Takes a first segment that is not segment 1: where the walk is to begin.
    pub(super) fn begins_at(&mut self, header: &SegmentHeader) -> Result<Tip, &'static str> {
        let tip = Tip::before(header);
        // Only what a head covers is ever cut off.
        if self.head.is_none_or(|head| head.seq < tip.seq) {
            return Err("segments are missing at its start");
        }
        self.cut = tip.seq;
        self.met(&tip).map(|()| tip)
    }

    /// Takes a record that was found to fit the one before.
    pub(super) fn passed(&mut self, tip: &Tip, record: &Record) -> Result<(), &'static str> {
        // One that needs no key could be added by whoever took the segments away.
        let is_keyed = matches!(record.chained, Chained::Keyed { .. });
        if record.event == Event::JournalCut && is_keyed {
            let cut = record.count.filter(|cut| *cut < tip.seq);
            self.recorded_cut = self.recorded_cut.max(cut.unwrap_or_default());
        }
        self.met(tip)
    }

    /// Takes the key of a step: a checkpoint of that step must be this key.
    pub(super) fn reached(&mut self, key: &ChainKey) -> Result<(), &'static str> {
        let is_other = self.checkpoints.iter().any(|found| found.step() == key.step() && !found.is(key));
        self.checkpoints.retain(|found| found.step() != key.step());
        if is_other { Err("its checkpoint does not belong to it") } else { Ok(()) }
    }

    /// Takes the journal's end; says what is wrong, and at which record.
    pub(super) fn at_end(&self, tip: &Tip) -> Result<u64, (u64, &'static str)> {
        let next = tip.seq.saturating_add(1);
        if self.head.is_none() {
            return Err((next, "the sealed head is missing or damaged"));
        }
        if self.at_head == Met::No {
            return Err((next, "records are missing at the end: it does not reach the sealed head"));
        }
        if !self.has_checkpoint {
            return Err((next, "the checkpoint of its key is missing or damaged"));
        }
        if !self.checkpoints.is_empty() {
            return Err((next, "records are missing at the end: it does not reach its checkpoint"));
        }
        if self.recorded_cut < self.cut {
            return Err((1, "segments are missing at its start, and no record says they were cut off"));
        }
        match self.noted {
            Some(noted) if noted.seq.0 > tip.seq => {
                Err((next, "it ends before the record that was noted elsewhere"))
            }
            Some(_) | None => Ok(self.cut),
        }
    }

    /// Whether the record that was noted is one that was cut off, so that it cannot be compared.
    pub(super) fn noted_is_gone(&self) -> bool {
        self.noted.is_some_and(|noted| noted.seq.0 < self.cut)
    }

    fn met(&mut self, tip: &Tip) -> Result<(), &'static str> {
        if let Some(head) = self.head.filter(|head| head.seq == tip.seq) {
            if head.link != tip.link {
                return Err("it is not the record the sealed head names");
            }
            self.at_head = Met::Yes;
        }
        match self.noted.filter(|noted| noted.seq.0 == tip.seq) {
            Some(noted) if noted.link != tip.link => Err("it is not the record that was noted elsewhere"),
            Some(_) | None => Ok(()),
        }
    }
}
