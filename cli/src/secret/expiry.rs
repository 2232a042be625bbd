//! How near the end of a value is, for all who warn of it. By this machine's wall clock; never a
//! reason to give a value out, which keeperd judges by its own.

use proto::meta::Timestamp;
use proto::name::Handle;
use serde::Serialize;

/// How long ahead it is warned of: two weeks, in which somebody looks.
pub(super) const AHEAD_MS: u64 = 14 * 86_400 * 1000;

/// What there is to say of a value's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expiry {
    /// Within two weeks.
    Soon,
    /// It is there: nobody is given the value.
    Expired,
}

impl Expiry {
    /// Of a value that ends then; none where that is far off.
    pub(super) fn of(end: Timestamp, now: Timestamp) -> Option<Self> {
        if end <= now {
            Some(Self::Expired)
        } else if end.0 <= now.0.saturating_add(AHEAD_MS) {
            Some(Self::Soon)
        } else {
            None
        }
    }

    /// The word in a list, as in JSON.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Soon => "soon",
            Self::Expired => "expired",
        }
    }
}

/// The command that gives a value another end.
pub(super) fn mend(handle: &Handle) -> String {
    format!("ugent secret rotate {handle} --expires DAY --stdin < FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_near_from_two_weeks_before_it_and_over_when_it_is_there() {
        let end = Timestamp(10 * AHEAD_MS);
        let at = |ms| Expiry::of(end, Timestamp(ms));
        assert_eq!(at(end.0 - AHEAD_MS - 1), None);
        assert_eq!([at(end.0 - AHEAD_MS), at(end.0 - 1)], [Some(Expiry::Soon); 2]);
        assert_eq!(at(end.0), Some(Expiry::Expired));
        assert_eq!(Expiry::of(Timestamp(u64::MAX), Timestamp(u64::MAX - 1)), Some(Expiry::Soon));
    }
}
