//! Refusals in a flood are counted instead of being recorded one by one: whoever can reach the
//! port could fill the disk otherwise. Pure but for the clock it is given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proto::journal::Reason;

/// Most refusals a second that get a record of their own.
const ALONE_A_SECOND: u32 = 100;
const SECOND: Duration = Duration::from_secs(1);

/// How a refusal is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// By a record of its own.
    Alone,
    /// By one record for all of its reason, at the end of the second.
    WithOthers,
}

/// The refusals of this second.
#[derive(Default)]
pub(super) struct Flood {
    since: Option<Instant>,
    alone: u32,
    others: BTreeMap<Reason, u64>,
}

impl Flood {
    /// Counts one more.
    pub(super) fn one_more(&mut self, reason: Reason, now: Instant) -> Counted {
        if self.others.is_empty() && self.since.is_none_or(|since| now >= since + SECOND) {
            self.since = Some(now);
            self.alone = 0;
        }
        if self.alone < ALONE_A_SECOND {
            self.alone += 1;
            return Counted::Alone;
        }
        *self.others.entry(reason).or_default() += 1;
        Counted::WithOthers
    }

    /// When the counts are to be recorded, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.filter(|_| !self.others.is_empty()).map(|since| since + SECOND)
    }

    /// Takes the counts, once they are due.
    pub(super) fn take(&mut self, now: Instant) -> BTreeMap<Reason, u64> {
        if self.due().is_some_and(|due| due <= now) {
            std::mem::take(&mut self.others)
        } else {
            BTreeMap::new()
        }
    }

    /// Takes the counts, due or not.
    pub(super) fn take_all(&mut self) -> BTreeMap<Reason, u64> {
        std::mem::take(&mut self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_exactly_and_ends_with_its_second() {
        let start = Instant::now();
        let mut flood = Flood::default();
        let ways: Vec<_> = (0..250).map(|_| flood.one_more(Reason::InvalidToken, start)).collect();
        assert_eq!(ways.iter().filter(|way| **way == Counted::Alone).count(), 100);
        assert_eq!(flood.one_more(Reason::UnknownRoute, start), Counted::WithOthers);
        assert_eq!(flood.due(), Some(start + SECOND));
        assert!(flood.take(start).is_empty(), "not yet");
        let counts = flood.take(start + SECOND);
        assert_eq!(counts, BTreeMap::from([(Reason::InvalidToken, 150), (Reason::UnknownRoute, 1)]));
        assert_eq!(flood.due(), None);
        assert_eq!(flood.one_more(Reason::InvalidToken, start + SECOND), Counted::Alone);
    }
}
