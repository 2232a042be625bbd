//! What the journal's end tells a keeper that starts: records from a time on. Checks nothing and needs
//! no key; who rests more than a limit on it is wrong here.

use std::path::Path;

use proto::journal::Record;
use proto::meta::Timestamp;

use super::segments;
use super::walk::{Begin, Next, Walk};

/// Gives the records from that time on, oldest first, as far as they can be read.
pub(crate) fn since(audit: &Path, since: Timestamp, take: &mut dyn FnMut(Record)) {
    let numbers = segments::numbers(audit).unwrap_or_default();
    // The last segment that begins before that time, and all behind it.
    let begins_before = |number: &u32| first_time(audit, *number).is_none_or(|time| time < since);
    let first = numbers.iter().rposition(begins_before).unwrap_or(0);
    for number in numbers.iter().skip(first) {
        each(audit, *number, &mut |record| {
            if record.time >= since {
                take(record);
            }
            Look::Further
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Further,
    Enough,
}

fn first_time(audit: &Path, number: u32) -> Option<Timestamp> {
    let mut time = None;
    each(audit, number, &mut |record| {
        time = Some(record.time);
        Look::Enough
    });
    time
}

fn each(audit: &Path, number: u32, take: &mut dyn FnMut(Record) -> Look) {
    let Ok(bytes) = segments::bytes(audit, number) else { return };
    let Ok(Begin::Header(_, mut walk)) = Walk::begin(&bytes) else { return };
    while let Next::Record { raw, .. } = walk.next() {
        if raw.record().is_ok_and(|record| take(record) == Look::Enough) {
            return;
        }
    }
}
