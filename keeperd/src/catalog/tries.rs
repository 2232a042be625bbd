//! Wrong passphrases in a row, and how long the next try must wait for them. Kept in the catalog,
//! so that keepers of one command each share it with the broker's. Says nothing of what was tried.

use std::time::Duration;

use proto::meta::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest anybody waits: a minute between two tries is more than guessing can bear, and no more
/// than the vault's owner can, whom anybody may make wait who may try at all.
const WAIT_MAX_SECS: u64 = 60;

/// The row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// Since the last right one.
    pub(crate) failed: u32,
    /// When the last of them was tried, by the wall clock.
    pub(crate) last: Timestamp,
}

impl Tries {
    /// Before any was wrong.
    pub(crate) const NONE: Self = Self { failed: 0, last: Timestamp(0) };

    /// With one more that was tried now.
    pub(crate) const fn one_more(self, now: Timestamp) -> Self {
        Self { failed: self.failed.saturating_add(1), last: now }
    }

    /// What is left of the wait; none if there is nothing to wait for. A last try that is still to
    /// come means that the clock was set back: then the wait begins anew, and so ends.
    pub(crate) fn wait(self, now: Timestamp) -> Option<Duration> {
        let ends = self.last.0.min(now.0).saturating_add(self.pause_secs() * 1000);
        let left = ends.saturating_sub(now.0);
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Whether the clock was set back since.
    pub(crate) fn is_ahead(self, now: Timestamp) -> bool {
        self.last > now
    }

    /// One mistake is free; from then on it doubles.
    fn pause_secs(self) -> u64 {
        match self.failed {
            0 | 1 => 0,
            failed => 1u64.checked_shl(failed - 2).map_or(WAIT_MAX_SECS, |secs| secs.min(WAIT_MAX_SECS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(failed: u32, last: u64, now: u64) -> u64 {
        let tries = Tries { failed, last: Timestamp(last * 1000) };
        tries.wait(Timestamp(now * 1000)).unwrap_or_default().as_secs()
    }

    #[test]
    fn the_wait_grows_up_to_a_minute_and_no_further() {
        let all: Vec<u64> = (0..10).map(|failed| waits(failed, 100, 100)).collect();
        assert_eq!(all, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        for failed in [65, 66, 67, u32::MAX] {
            assert_eq!(waits(failed, 100, 100), 60);
        }
        assert_eq!(Tries { failed: u32::MAX, last: Timestamp(1) }.one_more(Timestamp(2)).failed, u32::MAX);
    }

    #[test]
    fn it_ends_with_its_time_and_a_clock_that_is_set_back_makes_it_no_longer() {
        assert_eq!([waits(6, 100, 115), waits(6, 100, 116), waits(6, 100, 900)], [1, 0, 0]);
        assert_eq!(waits(6, 100_000, 50), 16);
        let set_back = Tries { failed: 6, last: Timestamp(100_000) };
        assert!(set_back.is_ahead(Timestamp(99_999)) && !set_back.is_ahead(Timestamp(100_000)));
        assert_eq!(Tries { failed: 9, last: Timestamp(u64::MAX) }.wait(Timestamp(u64::MAX)), None);
    }
}
