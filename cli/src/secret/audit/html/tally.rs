//! What a journal comes to: how much was used by whom, what was refused, and when. Counts only; it
//! never grows with the number of records, but with that of consumers, secrets, reasons and hours.

use std::collections::BTreeMap;

use proto::journal::{Event, Record};
use proto::meta::Timestamp;

/// Milliseconds in an hour.
const HOUR: u64 = 3_600_000;

/// How often what happened.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) used: u64,
    pub(super) denied: u64,
    pub(super) other: u64,
}

/// What one consumer did with one secret.
#[derive(Default)]
pub(super) struct Use {
    pub(super) leases: u64,
    pub(super) uses: u64,
    pub(super) denied: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) last: Option<Timestamp>,
}

/// The refusals of one kind.
pub(super) struct Denial {
    pub(super) count: u64,
    pub(super) last: Timestamp,
}

/// Of whom: consumer and secret, as the journal names them.
pub(super) type Who = (String, String);
/// Of whom, what for, and why.
pub(super) type Why = (String, String, String, String);

/// All of it.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) uses: BTreeMap<Who, Use>,
    pub(super) denials: BTreeMap<Why, Denial>,
    pub(super) events: BTreeMap<&'static str, u64>,
    /// By hour since 1970.
    hours: BTreeMap<u64, Counts>,
}

impl Tally {
    /// One more record.
    pub(super) fn add(&mut self, record: &Record) {
        // One may stand for many of its kind.
        let times = record.count.filter(|_| record.event == Event::LeaseDenied).unwrap_or(1);
        self.records += 1;
        self.first.get_or_insert(record.time);
        self.last = self.last.max(Some(record.time));
        *self.events.entry(record.event.as_str()).or_default() += times;
        let consumer = record.consumer.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let secret = record.secret.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let hour = self.hours.entry(record.time.0 / HOUR).or_default();
        let counted = if record.event == Event::LeaseUsed {
            &mut hour.used
        } else if record.event == Event::LeaseDenied {
            &mut hour.denied
        } else {
            &mut hour.other
        };
        *counted += times;
        if !matches!(
            record.event,
            Event::LeaseIssued | Event::LeaseUsed | Event::LeaseDenied | Event::ReleaseClosed
        ) {
            return;
        }
        if record.event == Event::LeaseDenied {
            let route = record.route.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let reason = record.reason.map_or("-", |reason| reason.as_str()).to_owned();
            let denial = self
                .denials
                .entry((consumer.clone(), secret.clone(), route, reason))
                .or_insert(Denial { count: 0, last: record.time });
            denial.count += times;
            denial.last = denial.last.max(record.time);
        }
        let its = self.uses.entry((consumer, secret)).or_default();
        its.leases += u64::from(record.event == Event::LeaseIssued);
        its.uses += u64::from(record.event == Event::LeaseUsed);
        its.denied += if record.event == Event::LeaseDenied { times } else { 0 };
        its.bytes_in += record.bytes_in.unwrap_or_default();
        its.bytes_out += record.bytes_out.unwrap_or_default();
        its.last = its.last.max(Some(record.time));
    }

    /// The time from the first record to the last in at most so many spans of whole hours, each with when it
    /// begins; spans in which nothing happened included.
    pub(super) fn spans(&self, most: u64) -> Vec<(Timestamp, Counts)> {
        let (Some((first, _)), Some((last, _))) = (self.hours.first_key_value(), self.hours.last_key_value())
        else {
            return Vec::new();
        };
        let width = (last - first + 1).div_ceil(most.max(1)).max(1);
        let mut spans = Vec::new();
        let mut begin = *first;
        while begin <= *last {
            let mut sum = Counts::default();
            for counts in self.hours.range(begin..begin + width).map(|(_, counts)| counts) {
                sum.used += counts.used;
                sum.denied += counts.denied;
                sum.other += counts.other;
            }
            spans.push((Timestamp(begin * HOUR), sum));
            begin += width;
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use proto::journal::Reason;
    use proto::name::{Consumer, Handle};

    use super::*;

    fn record(event: Event, hour: u64) -> Record {
        let mut record = Record::of(event, Timestamp(hour * HOUR + 1));
        record.consumer = Some(Consumer::ugent_core());
        record.secret = Handle::parse("@a").ok();
        record
    }

    #[test]
    fn uses_and_denials_are_counted_by_whom_and_why() {
        let mut tally = Tally::default();
        for event in [Event::LeaseIssued, Event::LeaseUsed, Event::LeaseUsed, Event::BrokerStarted] {
            tally.add(&record(event, 1));
        }
        let flood =
            Record { reason: Some(Reason::NotGranted), count: Some(40), ..record(Event::LeaseDenied, 2) };
        tally.add(&flood);
        let its = &tally.uses[&("ugent-core".to_owned(), "@a".to_owned())];
        assert_eq!((its.leases, its.uses, its.denied), (1, 2, 40));
        let (why, denial) = tally.denials.first_key_value().unwrap();
        assert_eq!((why.3.as_str(), denial.count), ("not_granted", 40));
        assert_eq!((tally.records, tally.events["lease.denied"]), (5, 40));
    }

    #[test]
    fn time_is_cut_into_as_many_spans_as_there_is_room_for() {
        let mut tally = Tally::default();
        assert!(tally.spans(60).is_empty());
        for hour in [10, 12, 10 + 24 * 365] {
            tally.add(&record(Event::LeaseUsed, hour));
        }
        let spans = tally.spans(60);
        assert!(spans.len() <= 60, "{}", spans.len());
        assert_eq!(spans.iter().map(|(_, counts)| counts.used).sum::<u64>(), 3);
    }
}
