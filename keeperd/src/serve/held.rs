//! Where `audit.sync = "every-release"`: what leaves waits until the record of that very release is on
//! disk, in the order it was decided, so that a cut never overtakes what it is to cut. Nothing is
//! decided here: what may leave is only kept back, and a value that may not after all is wiped.

use proto::control_lane::SyncEvery;
use proto::failure::Failure;
use proto::meta::RecordSeq;

use super::keeper::{After, Keeper, Recorded};
use super::recorder::Urgency;

/// An answer that waits for the disk.
pub(super) struct Held {
    /// The last record that was written when it was to leave.
    upto: RecordSeq,
    /// Whether the records of its turn were.
    written: Result<(), Failure>,
    after: After,
}

impl Keeper {
    /// How soon the record of a release must be on disk.
    pub(super) const fn urgency_of_use(&self) -> Urgency {
        match self.start.sync {
            SyncEvery::Lease => Urgency::Soon,
            SyncEvery::Release => Urgency::Now,
        }
    }

    /// Lets go what waited for this turn's records to be written, or keeps it until they are synced.
    pub(super) fn let_go_or_hold(&mut self, written: &Result<(), Failure>) {
        for after in std::mem::take(&mut self.after) {
            match self.start.sync {
                SyncEvery::Release if self.must_wait(&after) => {
                    let upto = self.recorder.written();
                    self.held.push_back(Held { upto, written: written.clone(), after });
                }
                SyncEvery::Lease | SyncEvery::Release => self.let_go(after, written),
            }
        }
        self.let_go_synced();
    }

    /// Lets go what waited for records that are on disk by now.
    pub(super) fn let_go_synced(&mut self) {
        while self.held.front().is_some_and(|held| self.recorder.receipt(held.upto).is_some()) {
            let Some(Held { written, after, .. }) = self.held.pop_front() else { return };
            self.let_go_late(after, &written);
        }
    }

    /// The records could not be synced: nothing leaves that waited for it.
    pub(super) fn let_go_unsynced(&mut self, failure: &Failure) {
        for Held { after, .. } in std::mem::take(&mut self.held) {
            self.let_go_late(after, &Err(failure.clone()));
        }
    }

    /// All is synced, for the last time.
    pub(super) fn let_go_finished(&mut self) {
        for Held { written, after, .. } in std::mem::take(&mut self.held) {
            self.let_go_late(after, &written);
        }
    }

    fn let_go_late(&mut self, after: After, written: &Result<(), Failure>) {
        match &after {
            // Withdrawn meanwhile, or its lane is gone.
            After::Release { lane, seq, .. } if !self.releases.contains_key(&(*lane, *seq)) => {}
            After::Release { .. } | After::Refuse { .. } | After::Cut { .. } | After::Cli { .. } => {
                self.let_go(after, written);
            }
        }
    }

    fn must_wait(&self, after: &After) -> bool {
        match after {
            After::Release { .. } | After::Cli { value: Some(_), .. } => true,
            // What they tell of may wait itself.
            After::Cut { .. }
            | After::Cli { value: None, recorded: Recorded::Needed | Recorded::First, .. } => {
                !self.held.is_empty()
            }
            After::Refuse { .. } | After::Cli { value: None, recorded: Recorded::NotNeeded, .. } => false,
        }
    }
}
