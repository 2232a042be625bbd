//! `UGENT_LOG`: which lines of which process reach the log. No level shows a value.

use proto::control_lane::LogLevel;

/// A level for all, and levels for single processes: `warn`, or `info,egressd=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter {
    all: LogLevel,
    named: Vec<(String, LogLevel)>,
}

impl LogFilter {
    /// From the environment; that level where it says nothing.
    pub(crate) fn from_environment(silence: LogLevel) -> Self {
        Self::parse(&std::env::var("UGENT_LOG").unwrap_or_default(), silence)
    }

    /// Parts that are meant for other programs, or for nobody, are passed over: the variable is
    /// shared with them and must not keep the broker from starting.
    fn parse(text: &str, silence: LogLevel) -> Self {
        let mut filter = Self { all: silence, named: Vec::new() };
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((process, level)) => {
                    if let Some(level) = level_of(level) {
                        filter.named.push((process.trim().to_owned(), level));
                    }
                }
                None => filter.all = level_of(part).unwrap_or(filter.all),
            }
        }
        filter
    }

    /// How much a process is to say.
    pub(crate) fn level(&self, process: &str) -> LogLevel {
        let named = self.named.iter().rev().find(|(name, _)| name == process);
        named.map_or(self.all, |(_, level)| *level)
    }

    /// Whether a line is to be shown.
    pub(crate) fn shows(&self, process: &str, level: LogLevel) -> bool {
        level <= self.level(process)
    }
}

fn level_of(text: &str) -> Option<LogLevel> {
    LogLevel::parse(&text.trim().to_ascii_lowercase()).ok()
}

/// One line of the log. What a daemon says may be the words of an attacker who has taken it, so
/// nothing in it can move a terminal's cursor or look like another line.
pub(crate) fn line(time: &str, level: LogLevel, process: &str, text: &str) -> String {
    let text: String = text.chars().take(4096).map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("{time} {level} {process}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_for_all_or_for_one() {
        let filter = LogFilter::parse("warn, egressd=DEBUG", LogLevel::Info);
        assert_eq!(filter.level("keeperd"), LogLevel::Warn);
        assert_eq!(filter.level("egressd"), LogLevel::Debug);
        assert!(filter.shows("egressd", LogLevel::Info));
        assert!(!filter.shows("keeperd", LogLevel::Info));
    }

    #[test]
    fn what_is_not_ours_changes_nothing() {
        for text in ["", "chatty", "hyper::client=verbose", ",,=,", "a[b]=c"] {
            assert_eq!(LogFilter::parse(text, LogLevel::Info).level("keeperd"), LogLevel::Info, "{text}");
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        let shown = line("T", LogLevel::Warn, "egressd", "a\nT error keeperd: b\u{1b}[2J");
        assert_eq!(shown, "T warn egressd: a?T error keeperd: b?[2J");
    }
}
