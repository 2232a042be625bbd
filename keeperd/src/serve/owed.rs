//! Records of what has happened already and was asked of nobody: ends of leases and of releases, and
//! counts of floods. Nothing waits for them, so nothing stops when they cannot be written; they are
//! kept, up to a limit, and written with the next that can be. Never a reason to release anything.

use std::collections::{BTreeMap, VecDeque};

use proto::journal::{Event, Reason, Record};

/// Most that wait, about a megabyte; of those beyond, only the number is kept.
const WAITING_MAX: usize = 4096;

/// What the journal is still owed.
#[derive(Default)]
pub(super) struct Owed {
    /// Added in this turn, and not known to be written.
    added: Vec<Record>,
    /// What could not be written, oldest first.
    waiting: VecDeque<Record>,
    /// How many more of a kind there were.
    beyond: BTreeMap<(Event, Option<Reason>), (Record, u64)>,
}

impl Owed {
    /// One was added to the records of this turn.
    pub(super) fn added(&mut self, record: Record) {
        self.added.push(record);
    }

    /// One could not even be added.
    pub(super) fn keep(&mut self, record: Record) {
        if self.waiting.len() < WAITING_MAX {
            return self.waiting.push_back(record);
        }
        let count = record.count.unwrap_or(1);
        let kind = (record.event, record.reason);
        let (_, beyond) = self.beyond.entry(kind).or_insert_with(|| (of_many(&record), 0));
        *beyond = beyond.saturating_add(count);
    }

    /// The records of this turn were written.
    pub(super) fn written(&mut self) {
        self.added.clear();
    }

    /// They were not.
    pub(super) fn not_written(&mut self) {
        for record in std::mem::take(&mut self.added) {
            self.keep(record);
        }
    }

    /// Whether something waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.beyond.is_empty()
    }

    /// Takes all that waits.
    pub(super) fn take(&mut self) -> Vec<Record> {
        let beyond = std::mem::take(&mut self.beyond).into_values().map(|(mut record, count)| {
            record.count = Some(count);
            record
        });
        std::mem::take(&mut self.waiting).into_iter().chain(beyond).collect()
    }
}

/// Says only what and why, since it stands for many.
fn of_many(record: &Record) -> Record {
    let mut many = Record::of(record.event, record.time);
    many.reason = record.reason;
    many
}

#[cfg(test)]
mod tests {
    use proto::meta::{LeaseId, Timestamp};

    use super::*;

    fn ended(number: u64) -> Record {
        let mut record = Record::of(Event::LeaseEnded, Timestamp(number));
        record.reason = Some(Reason::Expired);
        record.lease = Some(LeaseId(number));
        record
    }

    #[test]
    fn what_was_not_written_waits_in_order_and_what_was_does_not() {
        let mut owed = Owed::default();
        owed.added(ended(1));
        owed.written();
        assert!(owed.is_empty());
        owed.added(ended(2));
        owed.keep(ended(1));
        owed.not_written();
        assert_eq!(owed.take(), [ended(1), ended(2)]);
        assert!(owed.is_empty());
    }

    #[test]
    fn beyond_the_limit_they_are_counted_and_none_is_lost_or_counted_twice() {
        let mut owed = Owed::default();
        for number in 0..WAITING_MAX as u64 + 7 {
            owed.keep(ended(number));
        }
        let mut flood = Record::of(Event::LeaseEnded, Timestamp(9));
        (flood.reason, flood.count) = (Some(Reason::Expired), Some(10));
        owed.keep(flood);
        let taken = owed.take();
        assert_eq!(taken.len(), WAITING_MAX + 1);
        let last = taken.last().unwrap();
        assert_eq!((last.count, last.lease, last.reason), (Some(17), None, Some(Reason::Expired)));
    }
}
