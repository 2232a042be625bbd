//! The log of the broker: stderr, filtered, and bounded in lines a second, since one of those who
//! write to it may have been taken by an attacker who would like to fill a disk.

use std::cell::Cell;
use std::io::stderr;

use proto::control_lane::LogLevel;
use proto::meta::Timestamp;

use super::outlet::{Outlet, Put};
use crate::clock;
use crate::log_filter::{LogFilter, line};

/// Lines in one second; a broker in order writes a few a minute.
const LINES: u32 = 200;

/// Where lines go.
pub(super) struct Log {
    filter: LogFilter,
    second: Cell<u64>,
    lines: Cell<u32>,
    outlet: Outlet,
    /// Lines left out since the last that was written, because nobody read.
    unread: Cell<u64>,
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
    pub(super) fn new(filter: LogFilter) -> Self {
        Self::to(Outlet::to(stderr()), filter)
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
        self.put(now, level, process, text);
    }

    const fn to(outlet: Outlet, filter: LogFilter) -> Self {
        Self { filter, second: Cell::new(0), lines: Cell::new(0), outlet, unread: Cell::new(0) }
    }

    /// With nobody reading stderr the broker serves all the same: lines are left out, and counted
    /// until there is room to say how many.
    fn put(&self, now: Timestamp, level: LogLevel, process: &str, text: &str) {
        let put =
            |level, process, text: &str| self.outlet.put(&line(&clock::rfc3339(now), level, process, text));
        let before = match self.unread.get() {
            0 => Put::Done,
            unread => put(
                LogLevel::Warn,
                "launcher",
                &format!("({unread} lines were left out: nobody read the log)"),
            ),
        };
        if before == Put::Done {
            self.unread.set(0);
        }
        if before == Put::NoRoom || put(level, process, text) == Put::NoRoom {
            self.unread.set(self.unread.get().saturating_add(1));
        }
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
    use std::io::Read;

    use super::*;

    #[test]
    fn a_flood_is_cut_off_for_the_rest_of_its_second() {
        let log = Log::new(LogFilter::from_environment(LogLevel::Info));
        let at = |ms| log.room(Timestamp(ms));
        assert!((0..u64::from(LINES)).all(|ms| at(5000 + ms) == Room::Enough));
        assert_eq!([at(5998), at(5999)], [Room::JustGone, Room::Gone]);
        assert_eq!(at(6000), Room::Enough);
    }

    #[test]
    fn lines_that_nobody_reads_are_left_out_and_counted() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (outlet, fill) = (Outlet::to(&writer), Outlet::to(&writer));
        let log = Log::to(outlet, LogFilter::from_environment(LogLevel::Info));
        let mut filled = 0;
        while fill.put("x") == Put::Done {
            filled += 2;
        }
        let say = |text| log.put(Timestamp(0), LogLevel::Warn, "keeperd", text);
        (0..3).for_each(|_| say("lost"));
        reader.read_exact(&mut vec![0; filled]).unwrap();
        say("kept");
        say("kept too");
        drop((log, fill, writer));
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        let said: Vec<&str> =
            said.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect();
        let counted = "warn launcher: (3 lines were left out: nobody read the log)";
        assert_eq!(said, [counted, "warn keeperd: kept", "warn keeperd: kept too"]);
    }
}
