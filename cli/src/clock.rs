//! Time, as it is shown and typed: RFC 3339 in UTC, and spans such as `2h`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::meta::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// `2026-11-23T17:02:38.123Z`. A time that no calendar has is shown as its number.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let moment = i64::try_from(time.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match moment {
        Some(moment) => format!("{moment:.3}"),
        None => time.0.to_string(),
    }
}

/// As [`rfc3339`], to the second: what people read.
pub(crate) fn seconds(time: Timestamp) -> String {
    rfc3339(Timestamp(time.0 / 1000 * 1000)).replace(".000", "")
}

/// `3d 4h`, `12m 5s`: how long something has been so.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        (_, _, _) => format!("{days}d {hours}h"),
    }
}

/// The moment `--since` names: a span before now (`90s`, `15m`, `2h`, `7d`, `1h30m`), or a time in
/// RFC 3339.
pub(crate) fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(ms) = span_ms(text) {
        return Some(Timestamp(now.0.saturating_sub(ms)));
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

/// The moment `--expires` names: a day (`2026-12-31`), to its end in UTC, or a time in RFC 3339.
pub(crate) fn end_of(text: &str) -> Option<Timestamp> {
    let is_day = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let whole = if is_day { format!("{text}T23:59:59.999Z") } else { text.to_owned() };
    let moment: jiff::Timestamp = whole.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

/// A span (`45s`, `10m`, `12h`, `30d`, `1h30m`) in milliseconds.
pub(crate) fn span_ms(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = match tail.bytes().next()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = tail.get(1..)?;
    }
    total.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_435_200_000);

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(seconds(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn since_takes_spans_and_times() {
        let back = |seconds: u64| Some(Timestamp(NOON.0 - seconds * 1000));
        assert_eq!(since("90s", NOON), back(90));
        assert_eq!(since("2h", NOON), back(7200));
        assert_eq!(since("1h30m", NOON), back(5400));
        assert_eq!(since("1w", NOON), back(604_800));
        assert_eq!(since("2023-11-14T22:13:20Z", NOON), Some(Timestamp(1_700_000_000_000)));
        assert_eq!(since("2023-11-14T23:13:20+01:00", NOON), Some(Timestamp(1_700_000_000_000)));
    }

    #[test]
    fn a_day_ends_with_its_last_moment() {
        assert_eq!(end_of("2023-11-14").map(rfc3339).as_deref(), Some("2023-11-14T23:59:59.999Z"));
        assert_eq!(end_of("2023-11-14T22:13:20Z"), Some(Timestamp(1_700_000_000_000)));
        for text in [
            "",
            "2023-11",
            "2023-02-30",
            "2023-1-014",
            "14.11.2023",
            "30d",
            "2023-11-14T22:13:20",
            "1969-12-31",
        ] {
            assert_eq!(end_of(text), None, "{text}");
        }
    }

    #[test]
    fn since_refuses_what_is_neither() {
        for text in
            ["", "h", "2", "2x", "-2h", "2h3", "1.5h", "yesterday", "99999999999999999999w", "2 h", "é"]
        {
            assert_eq!(since(text, NOON), None, "{text}");
        }
        assert_eq!(since("9999999999w", NOON), Some(Timestamp(0)));
    }

    #[test]
    fn spans_are_short() {
        assert_eq!(span(999), "0s");
        assert_eq!(span(61_000), "1m 1s");
        assert_eq!(span(3_660_000), "1h 1m");
        assert_eq!(span(90_000_000), "1d 1h");
    }
}
