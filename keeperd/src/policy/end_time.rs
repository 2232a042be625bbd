//! The moment a date or a time of a TOML file stands for. Never guesses a time zone.

use proto::meta::Timestamp;
use toml::value::{Date, Datetime, Offset};

const DAY_SECS: i64 = 86_400;

/// The first moment that is over: of a date alone, the end of that day in UTC. None for a time
/// without a date or without its offset, and for one before 1970.
pub(super) fn end_of(moment: Datetime) -> Option<Timestamp> {
    let date = moment.date?;
    let midnight = days(date) * DAY_SECS;
    let secs = match (moment.time, moment.offset) {
        (None, None) => midnight + DAY_SECS,
        (Some(time), Some(offset)) => {
            let ahead = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes) * 60,
            };
            let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
            midnight + hour * 3600 + minute * 60 + i64::from(time.second.unwrap_or_default()) - ahead
        }
        (None, Some(_)) | (Some(_), None) => return None,
    };
    u64::try_from(secs).ok()?.checked_mul(1000).map(Timestamp)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    // A year that begins in March has its leap day at its end.
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<u64> {
        end_of(text.parse().ok()?).map(|end| end.0)
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(end("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(end("1970-01-01"), Some(86_400_000));
        assert_eq!(end("2000-02-29"), end("2000-03-01T00:00:00Z"));
        assert_eq!(end("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(end("2023-11-14T17:13:20-05:00"), Some(1_700_000_000_000));
    }

    #[test]
    fn what_is_no_moment_has_no_end() {
        for text in ["12:00:00", "2026-12-31T12:00:00", "1969-12-30", "2026-02-30", "2026-13-01", "soon", ""]
        {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
