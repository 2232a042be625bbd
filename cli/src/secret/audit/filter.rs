//! Which records are shown.

use std::collections::VecDeque;

use proto::journal::{Event, Record};
use proto::meta::Timestamp;
use proto::name::{Consumer, Handle};

/// All that is given must hold.
pub(super) struct Filter {
    pub(super) secret: Option<Handle>,
    pub(super) since: Option<Timestamp>,
    pub(super) event: Option<Event>,
    pub(super) consumer: Option<Consumer>,
}

impl Filter {
    /// Whether a record is shown.
    pub(super) fn takes(&self, record: &Record) -> bool {
        self.since.is_none_or(|since| record.time >= since)
            && self.event.is_none_or(|event| record.event == event)
            && (self.secret.is_none() || record.secret == self.secret)
            && (self.consumer.is_none() || record.consumer == self.consumer)
    }
}

/// Keeps the last so many records back; without a limit it keeps none.
pub(super) struct Last {
    limit: Option<usize>,
    kept: VecDeque<Record>,
}

impl Last {
    pub(super) const fn new(limit: Option<usize>) -> Self {
        Self { limit, kept: VecDeque::new() }
    }

    /// Takes a record; gives it back if it is to be shown at once.
    pub(super) fn push(&mut self, record: Record) -> Option<Record> {
        let Some(limit) = self.limit else {
            return Some(record);
        };
        self.kept.push_back(record);
        if self.kept.len() > limit {
            self.kept.pop_front();
        }
        None
    }
}

impl IntoIterator for Last {
    type Item = Record;
    type IntoIter = std::collections::vec_deque::IntoIter<Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: u64) -> Record {
        let mut record = Record::of(Event::LeaseIssued, Timestamp(time));
        record.secret = Handle::parse("@a").ok();
        record
    }

    #[test]
    fn every_condition_counts() {
        let none = || Filter { secret: None, since: None, event: None, consumer: None };
        assert!(none().takes(&record(5)));
        assert!(Filter { since: Some(Timestamp(5)), ..none() }.takes(&record(5)));
        assert!(!Filter { since: Some(Timestamp(6)), ..none() }.takes(&record(5)));
        assert!(!Filter { event: Some(Event::LeaseDenied), ..none() }.takes(&record(5)));
        assert!(!Filter { secret: Handle::parse("@b").ok(), ..none() }.takes(&record(5)));
        assert!(!Filter { consumer: Some(Consumer::ugent_core()), ..none() }.takes(&record(5)));
    }

    #[test]
    fn a_limit_keeps_the_last() {
        let mut last = Last::new(Some(2));
        assert!((1..=5).all(|time| last.push(record(time)).is_none()));
        assert_eq!(last.into_iter().map(|record| record.time.0).collect::<Vec<_>>(), [4, 5]);
        assert!(Last::new(None).push(record(1)).is_some());
        let mut none = Last::new(Some(0));
        assert!(none.push(record(1)).is_none());
        assert_eq!(none.into_iter().count(), 0);
    }
}
