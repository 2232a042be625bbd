//! Which record a retry repeats. egressd names the ask it repeats; that is believed only of one of its own
//! lane that was released for the same consumer and route, and is over (INV-09). Holds names and
//! numbers; what is forgotten too early costs a mention in the journal and nothing else.

use std::collections::VecDeque;

use proto::meta::RecordSeq;

use super::asks::Release;
use super::lanes::LaneId;

/// A retry comes right behind the end of what it repeats, so few need to be remembered.
const REMEMBERED: usize = 256;

/// Releases that were over last.
#[derive(Default)]
pub(super) struct Repeats(VecDeque<(LaneId, u64, Release)>);

impl Repeats {
    /// A release is over.
    pub(super) fn over(&mut self, lane: LaneId, seq: u64, release: Release) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((lane, seq, release));
    }

    /// The record of what that release repeats, if it is one it can repeat.
    pub(super) fn record_of(&self, lane: LaneId, seq: u64, again: &Release) -> Option<RecordSeq> {
        let found = self.0.iter().rev().find(|(of, number, _)| (*of, *number) == (lane, seq));
        let (_, _, first) = found.filter(|(_, _, first)| first.is_repeated_by(again))?;
        Some(first.record)
    }
}
