//! Keys come and go: taking up the keyed chain where it ends, and leaving it in order.

use std::sync::Arc;
use std::time::Instant;

use proto::failure::{Failure, FailureClass};

use super::head::Claims;
use super::journal::{Journal, Keyed};
use super::segments::{self, damaged};
use super::tail::{self, Place, Repair, no_slot};
use crate::hazmat::checkpoint::Checkpoint;
use crate::hazmat::keys::Keys;
use crate::store::files;

impl Journal {
    /// Checks the journal's end against the vault's keys; links are keyed from the next record
    /// on. A journal that fails the check is never written to again by this keeper.
    pub(crate) fn unlock(&mut self, keys: &Arc<Keys>, checkpoint: Checkpoint) -> Result<(), Failure> {
        self.usable()?;
        if self.keyed.is_some() {
            return Ok(());
        }
        let taken_up = self.take_up(keys, checkpoint);
        if let Err(failure) = &taken_up {
            match failure.class {
                FailureClass::TryAgain => {}
                FailureClass::Usage
                | FailureClass::BadInput
                | FailureClass::Unreachable
                | FailureClass::Bug
                | FailureClass::Io
                | FailureClass::Refused
                | FailureClass::Config => self.broken = Some(failure.clone()),
            }
        }
        taken_up
    }

    /// Wipes the key; links are plain from the next record on. What was added before should have
    /// been written: a sealed head can cover no more than that.
    pub(crate) fn lock(&mut self) {
        if let Some(keyed) = self.keyed.take() {
            self.syncing.locked(&keyed.keys, &self.written, Instant::now());
        }
    }

    fn take_up(&mut self, keys: &Arc<Keys>, checkpoint: Checkpoint) -> Result<(), Failure> {
        let Checkpoint { chain, counter, older } = checkpoint;
        let from = chain.step();
        let claims = Claims::read(&self.audit)
            .map_err(|error| files::io_failure("cannot read the journal's head in", &self.audit, &error))?;
        let head = claims
            .newest(keys)
            .ok_or_else(|| damaged(self.written.segment.max(1), "its sealed head is missing or damaged"))?;
        let (chain, found) = tail::take_up(&self.audit, &self.written, &head, chain)?;
        let ahead = chain.copy().map_err(|_| no_slot())?;
        self.settle_at(found)?;
        self.syncing.unlocked(counter, older, from, ahead.step().saturating_sub(from), &head);
        if head.seq < self.written.tip.seq {
            self.cover_leftovers()?;
        }
        self.retention.look_at(Instant::now());
        self.keyed = Some(Keyed { keys: Arc::clone(keys), written: chain, ahead });
        Ok(())
    }

    /// The keys may show that the last record was cut within its link, which without them looks
    /// like any other.
    fn settle_at(&mut self, found: Place) -> Result<(), Failure> {
        self.written.tip.step = found.tip.step;
        self.ahead.tip.step = found.tip.step;
        if found == self.written {
            return Ok(());
        }
        if self.ahead != self.written || self.current.is_some() || found.tip.seq > self.written.tip.seq {
            return Err(damaged(found.segment, "its last record is not what it was"));
        }
        self.written = found;
        self.ahead = found;
        self.repair = self.repair.take().or(Some(Repair { remove: Vec::new() }));
        Ok(())
    }

    /// A keeper before this one may have ended before it synced its last records: they are synced
    /// before a head covers them.
    fn cover_leftovers(&mut self) -> Result<(), Failure> {
        for number in [self.written.segment.saturating_sub(1), self.written.segment] {
            if number > 0 {
                let path = segments::path(&self.audit, number);
                let file =
                    files::open(&path).map_err(|error| files::io_failure("cannot open", &path, &error))?;
                self.syncing.touched(&Arc::new(file));
            }
        }
        self.syncing.hurry_head(self.written.tip.seq, Instant::now());
        Ok(())
    }
}
