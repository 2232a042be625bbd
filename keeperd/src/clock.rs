//! The two clocks: wall time for records and catalog, boot time for what ends after a while.
//!
//! Boot time (CLOCK_BOOTTIME) goes on while the machine sleeps and is not set by anybody, so a
//! lease cannot be made longer by turning the clock back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use proto::meta::Timestamp;

/// A moment of boot time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    /// Before any other.
    pub(crate) const ZERO: Self = Self(Duration::ZERO);

    /// Now.
    pub(crate) fn now() -> Self {
        let time =
            clock_gettime(ClockId::CLOCK_BOOTTIME).or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC));
        Self(time.map(Duration::from).unwrap_or_default())
    }

    /// That much later.
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// That much earlier, but not before the machine was started.
    pub(crate) fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// From `earlier` to this; zero if it is not earlier.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    #[cfg(test)]
    pub(crate) const fn at(span: Duration) -> Self {
        Self(span)
    }
}

/// Wall time, for people.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
