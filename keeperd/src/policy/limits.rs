//! How many requests each grant has at once, and had within the last minute. Beside the judge,
//! which knows nothing of it: a limit delays what a grant allows, and never allows anything.
//!
//! Kept in memory alone; a new keeper takes what the last minute had from the journal.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::grants::{GrantMark, Limits, Placed};
use crate::clock::Moment;

/// What `max_requests_per_minute` looks back on.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// When to come again after too many at once: nobody knows when one of them ends.
const AT_ONCE_AGAIN: Duration = Duration::from_secs(1);

/// What was used of every grant that has a limit.
#[derive(Default)]
pub(crate) struct Uses(HashMap<GrantMark, Use>);

#[derive(Default)]
struct Use {
    /// When the requests of the last minute began; not longer than the limit.
    began: VecDeque<Moment>,
    /// How many are not over.
    open: u32,
}

impl Uses {
    /// Whether a grant has room for one more request.
    ///
    /// # Errors
    /// After how long it may have.
    pub(crate) fn has_room(&mut self, mark: GrantMark, limits: Limits, now: Moment) -> Result<(), Duration> {
        let Some(used) = self.0.get_mut(&mark) else { return Ok(()) };
        while used.began.front().is_some_and(|began| now.since(*began) >= MINUTE) {
            used.began.pop_front();
        }
        if limits.at_once.is_some_and(|most| used.open >= most.get()) {
            return Err(AT_ONCE_AGAIN);
        }
        let began = u32::try_from(used.began.len()).unwrap_or(u32::MAX);
        match (limits.per_minute, used.began.front()) {
            (Some(most), Some(first)) if began >= most.get() => Err(first.after(MINUTE).since(now)),
            (Some(_), _) | (None, _) => Ok(()),
        }
    }

    /// Counts a request that begins.
    pub(crate) fn begin(&mut self, mark: GrantMark, limits: Limits, now: Moment) {
        if limits == Limits::default() {
            return;
        }
        let used = self.0.entry(mark).or_default();
        used.open = used.open.saturating_add(1);
        if limits.per_minute.is_some() {
            used.began.push_back(now);
        }
    }

    /// Counts a request of the last minute that a keeper before this one saw; whether it is over is
    /// of no matter, since its lane is gone. To be called in the order they began.
    pub(crate) fn restore(&mut self, mark: GrantMark, limits: Limits, began: Moment) {
        let Some(most) = limits.per_minute else { return };
        let used = self.0.entry(mark).or_default();
        used.began.push_back(began);
        // The newest count longest.
        if used.began.len() > most.get() as usize {
            used.began.pop_front();
        }
    }

    /// A request of that grant is over.
    pub(crate) fn end(&mut self, mark: GrantMark) {
        if let Some(used) = self.0.get_mut(&mark) {
            used.open = used.open.saturating_sub(1);
        }
    }

    /// Forgets grants that are no more.
    pub(crate) fn keep_only(&mut self, grants: &[Placed]) {
        let marks: BTreeSet<_> = grants.iter().map(|placed| placed.mark).collect();
        self.0.retain(|mark, _| marks.contains(mark));
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::at(Duration::from_secs(secs))
    }

    const MARK: GrantMark = GrantMark::of_test(1);

    #[test]
    fn a_minute_has_no_more_than_its_requests_wherever_it_begins() {
        let limits = Limits { per_minute: NonZeroU32::new(2), at_once: None };
        let mut uses = Uses::default();
        for now in [100, 130] {
            assert_eq!(uses.has_room(MARK, limits, at(now)), Ok(()));
            uses.begin(MARK, limits, at(now));
        }
        assert_eq!(uses.has_room(MARK, limits, at(131)), Err(Duration::from_secs(29)));
        assert_eq!(uses.has_room(GrantMark::of_test(2), limits, at(131)), Ok(()), "each grant for itself");
        assert_eq!(uses.has_room(MARK, limits, at(160)), Ok(()));
        uses.begin(MARK, limits, at(160));
        assert_eq!(uses.has_room(MARK, limits, at(161)), Err(Duration::from_secs(29)));
    }

    #[test]
    fn what_was_used_before_a_restart_counts_as_much_as_what_is_used_now() {
        let limits = Limits { per_minute: NonZeroU32::new(2), at_once: NonZeroU32::new(1) };
        let mut uses = Uses::default();
        for began in [50, 100, 110] {
            uses.restore(MARK, limits, at(began));
        }
        assert_eq!(uses.has_room(MARK, limits, at(120)), Err(Duration::from_secs(40)), "from 100 on");
        assert_eq!(uses.has_room(MARK, limits, at(160)), Ok(()), "and none of them is open");
    }

    #[test]
    fn only_requests_that_are_not_over_are_at_once() {
        let limits = Limits { per_minute: None, at_once: NonZeroU32::new(1) };
        let mut uses = Uses::default();
        uses.begin(MARK, limits, at(1));
        assert_eq!(uses.has_room(MARK, limits, at(1)), Err(AT_ONCE_AGAIN));
        uses.end(MARK);
        assert_eq!(uses.has_room(MARK, limits, at(1)), Ok(()));
        uses.end(MARK);
        uses.begin(MARK, limits, at(2));
        assert_eq!(uses.has_room(MARK, limits, at(2)), Err(AT_ONCE_AGAIN));
        uses.keep_only(&[]);
        assert_eq!(uses.has_room(MARK, limits, at(2)), Ok(()));
    }
}
