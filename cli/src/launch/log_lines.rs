//! The log of the broker: stderr, filtered, and bounded in lines a second, since one of those who
//! write to it may have been taken by an attacker who would like to fill a disk.

use std::cell::Cell;
use std::io::{Write, stderr};

use proto::control_lane::LogLevel;
use proto::meta::Timestamp;

use crate::clock;
use crate::log_filter::{LogFilter, line};

/// Lines in one second; a broker in order writes a few a minute.
const LINES: u32 = 200;

/// Where lines go.
pub(super) struct Log {
    filter: LogFilter,
    second: Cell<u64>,
    lines: Cell<u32>,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    /// The first that finds none.
    JustGone,
    Gone,
}

impl Log {
    pub(super) const fn new(filter: LogFilter) -> Self {
        Self { filter, second: Cell::new(0), lines: Cell::new(0) }
    }

    /// How much a process is to say.
    pub(super) fn level(&self, process: &str) -> LogLevel {
        self.filter.level(process)
    }

    /// Writes a line, if it is to be shown and there is room for it.
    pub(super) fn say(&self, level: LogLevel, process: &str, text: &str) {
        if !self.filter.shows(process, level) {
            return;
        }
        let now = clock::now();
        let text = match self.room(now) {
            Room::Enough => text,
            Room::JustGone => "(too many lines in this second; the rest are left out)",
            Room::Gone => return,
        };
        // With nobody reading stderr the broker serves all the same.
        let _ = writeln!(stderr(), "{}", line(&clock::rfc3339(now), level, process, text));
    }

    fn room(&self, now: Timestamp) -> Room {
        let second = now.0 / 1000;
        if self.second.replace(second) != second {
            self.lines.set(0);
        }
        let before = self.lines.get();
        self.lines.set(before.saturating_add(1));
        match before {
            0..LINES => Room::Enough,
            LINES => Room::JustGone,
            _ => Room::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_for_the_rest_of_its_second() {
        let log = Log::new(LogFilter::from_environment(LogLevel::Info));
        let at = |ms| log.room(Timestamp(ms));
        assert!((0..u64::from(LINES)).all(|ms| at(5000 + ms) == Room::Enough));
        assert_eq!([at(5998), at(5999)], [Room::JustGone, Room::Gone]);
        assert_eq!(at(6000), Room::Enough);
    }
}
