//! Refusals in a flood are counted instead of being recorded one by one: whoever can reach the
//! port could fill the disk otherwise. They are counted by caller and reason, so that one caller's
//! flood neither hides what another does nor takes its records. Pure but for the clock it is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proto::journal::Reason;
use proto::name::Consumer;

/// Most refusals a second that get a record of their own, of all callers together.
const ALONE_A_SECOND: u32 = 100;
/// And of those of one caller for one reason.
const ALONE_A_BUCKET: u32 = 50;
/// Most buckets a second with counts of their own; what comes on top is counted by reason alone.
/// Callers are those that tokens were issued to, but there may be many.
const BUCKETS_MAX: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// How a refusal is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// By a record of its own.
    Alone,
    /// By one record for all of its bucket, at the end of the second.
    WithOthers,
}

/// Whose refusals, and why. Nobody's: of callers without a token that is known, whoever they are,
/// and of those there are too many of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bucket {
    pub(super) caller: Option<Consumer>,
    pub(super) reason: Reason,
}

/// The refusals of this second.
#[derive(Default)]
pub(super) struct Flood {
    since: Option<Instant>,
    alone: u32,
    alone_of: BTreeMap<Bucket, u32>,
    others: BTreeMap<Bucket, u64>,
}

impl Flood {
    /// Counts one more.
    pub(super) fn one_more(&mut self, bucket: Bucket, now: Instant) -> Counted {
        if self.others.is_empty() && self.since.is_none_or(|since| now >= since + SECOND) {
            self.since = Some(now);
            self.alone = 0;
            self.alone_of.clear();
        }
        if self.alone < ALONE_A_SECOND {
            let of_bucket = self.alone_of.entry(bucket.clone()).or_default();
            if *of_bucket < ALONE_A_BUCKET {
                *of_bucket += 1;
                self.alone += 1;
                return Counted::Alone;
            }
        }
        let is_known = self.others.contains_key(&bucket);
        let bucket = if is_known || self.others.len() < BUCKETS_MAX {
            bucket
        } else {
            Bucket { caller: None, ..bucket }
        };
        let count = self.others.entry(bucket).or_default();
        *count = count.saturating_add(1);
        Counted::WithOthers
    }

    /// When the counts are to be recorded, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.filter(|_| !self.others.is_empty()).map(|since| since + SECOND)
    }

    /// Takes the counts, once they are due.
    pub(super) fn take(&mut self, now: Instant) -> BTreeMap<Bucket, u64> {
        if self.due().is_some_and(|due| due <= now) {
            std::mem::take(&mut self.others)
        } else {
            BTreeMap::new()
        }
    }

    /// Takes the counts, due or not.
    pub(super) fn take_all(&mut self) -> BTreeMap<Bucket, u64> {
        std::mem::take(&mut self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(caller: Option<&str>, reason: Reason) -> Bucket {
        Bucket { caller: caller.map(|name| Consumer::parse(name).unwrap()), reason }
    }

    fn alone(flood: &mut Flood, bucket: &Bucket, times: u64, now: Instant) -> u64 {
        let ways = (0..times).map(|_| flood.one_more(bucket.clone(), now));
        ways.filter(|way| *way == Counted::Alone).count() as u64
    }

    #[test]
    fn a_flood_is_counted_exactly_and_ends_with_its_second() {
        let (start, unknown) = (Instant::now(), of(None, Reason::InvalidToken));
        let mut flood = Flood::default();
        assert_eq!(alone(&mut flood, &unknown, 250, start), 50);
        assert_eq!(flood.due(), Some(start + SECOND));
        assert!(flood.take(start).is_empty(), "not yet");
        let counts = flood.take(start + SECOND);
        assert_eq!(counts, BTreeMap::from([(unknown.clone(), 200)]));
        assert_eq!(flood.due(), None);
        assert_eq!(flood.one_more(unknown, start + SECOND), Counted::Alone);
    }

    #[test]
    fn one_callers_flood_takes_nobody_elses_records() {
        let (start, mut flood) = (Instant::now(), Flood::default());
        let (noisy, quiet) = (of(Some("noisy"), Reason::NotGranted), of(Some("quiet"), Reason::NotGranted));
        assert_eq!(alone(&mut flood, &noisy, 10_000, start), 50);
        assert_eq!(alone(&mut flood, &quiet, 3, start), 3);
        assert_eq!(flood.take_all(), BTreeMap::from([(noisy, 9_950)]));
    }

    #[test]
    fn many_callers_together_have_a_limit_too_and_every_refusal_is_counted_once() {
        let (start, mut flood) = (Instant::now(), Flood::default());
        let callers: Vec<_> = (0..500).map(|n| of(Some(&format!("c{n}")), Reason::NotGranted)).collect();
        let alone: u64 = callers.iter().map(|bucket| alone(&mut flood, bucket, 2, start)).sum();
        assert_eq!(alone, 100);
        let counts = flood.take_all();
        assert!(counts.len() <= BUCKETS_MAX + 1, "{}", counts.len());
        assert_eq!(counts.values().sum::<u64>() + alone, 1000);
    }
}
