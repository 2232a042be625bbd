//! Secrets whose values expire: those that have, and those that will before long.

use proto::meta::Timestamp;
use proto::name::Handle;

use super::super::expiry::{Expiry, mend};
use super::finding::Finding;
use crate::clock::seconds;

/// What there is to say of the ends of values.
pub(super) fn judge(ends: &[(Handle, Timestamp)], now: Timestamp) -> Finding {
    const ID: &str = "secrets.expiry";
    let those = |what| ends.iter().filter(move |(_, end)| Expiry::of(*end, now) == Some(what));
    let expired: Vec<_> = those(Expiry::Expired).collect();
    let expiring: Vec<_> = those(Expiry::Soon).collect();
    if let Some((first, _)) = expired.first() {
        let what = format!("values have expired, and nobody is given them: {}", list(&expired));
        return Finding::fail(ID, what, mend(first));
    }
    if let Some((first, _)) = expiring.first() {
        let what = format!("values expire within two weeks: {}", list(&expiring));
        return Finding::warn(ID, what, mend(first));
    }
    Finding::ok(ID, "no value has expired or will within two weeks")
}

fn list(ends: &[&(Handle, Timestamp)]) -> String {
    ends.iter().map(|(handle, end)| format!("{handle} ({})", seconds(*end))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::expiry::AHEAD_MS;
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn an_end_is_warned_of_two_weeks_ahead_and_fails_once_it_is_there() {
        let end = Timestamp(10 * AHEAD_MS);
        let ends = [(Handle::parse("@a").unwrap(), end), (Handle::parse("@b").unwrap(), Timestamp(u64::MAX))];
        let at = |ms| judge(&ends, Timestamp(ms));
        assert_eq!(at(end.0 - AHEAD_MS - 1).level, Level::Ok);
        assert_eq!(at(end.0 - AHEAD_MS).level, Level::Warn);
        assert_eq!(at(end.0 - 1).level, Level::Warn);
        let failed = at(end.0);
        assert_eq!(failed.level, Level::Fail);
        assert!(failed.what.contains("@a") && !failed.what.contains("@b"), "{}", failed.what);
        assert_eq!(judge(&[], Timestamp(0)).level, Level::Ok);
    }
}
