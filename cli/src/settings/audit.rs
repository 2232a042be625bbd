//! `audit` in `secrets.toml`: how long the journal is kept, and where records are exported to. Says
//! what is wrong and where, and never repeats it.

use std::path::{Path, PathBuf};

use proto::control_lane::Keep;
use serde::Deserialize;

/// Most sinks: each is written in turn by one process.
const SINKS_MAX: usize = 8;
/// Where systemd's journal takes what is meant for it (systemd-journald.service(8)).
const JOURNALD: &str = "/run/systemd/journal/socket";
/// Where a syslog daemon listens (syslog(3)).
const SYSLOG: &str = "/dev/log";

/// Where records go besides the journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sink {
    /// One JSON object a line, appended.
    File(PathBuf),
    /// RFC 5424, one datagram a record, to that socket.
    Syslog(PathBuf),
    /// The journal's native protocol, one datagram a record, to that socket.
    Journald(PathBuf),
}

impl Sink {
    /// What it is, as in `secrets.toml`.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Syslog(_) => "syslog",
            Self::Journald(_) => "journald",
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Syslog(path) | Self::Journald(path) => path,
        }
    }

    /// From a kind, and a path where there is no usual one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, path) = match text.split_once(':') {
            Some((kind, path)) => (kind, Some(PathBuf::from(path))),
            None => (text, None),
        };
        let is_usable = |path: &PathBuf| path.is_absolute() && path.file_name().is_some();
        if path.as_ref().is_some_and(|path| !is_usable(path)) {
            return None;
        }
        match kind {
            "file" => path.map(Self::File),
            "syslog" => Some(Self::Syslog(path.unwrap_or_else(|| SYSLOG.into()))),
            "journald" => Some(Self::Journald(path.unwrap_or_else(|| JOURNALD.into()))),
            _ => None,
        }
    }
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    max_bytes: Option<toml::Spanned<u64>>,
    keep_days: Option<toml::Spanned<u32>>,
    sinks: Option<toml::Spanned<Vec<toml::Spanned<String>>>>,
}

impl Written {
    /// What it says, or where what is wrong.
    pub(super) fn settle(self) -> Result<(Keep, Vec<Sink>), (usize, &'static str)> {
        let max_bytes = match self.max_bytes {
            Some(bytes) if *bytes.get_ref() < Keep::MIN_BYTES => {
                return Err((bytes.span().start, "audit.max_bytes is below 16777216 (16 MiB)"));
            }
            bytes => bytes.map(toml::Spanned::into_inner),
        };
        let days = match self.keep_days {
            Some(days) if *days.get_ref() == 0 => {
                return Err((days.span().start, "audit.keep_days is 0: leave it out to keep everything"));
            }
            days => days.map(toml::Spanned::into_inner),
        };
        let mut sinks = Vec::new();
        if let Some(list) = self.sinks {
            if list.get_ref().len() > SINKS_MAX {
                return Err((list.span().start, "audit.sinks has more than 8 sinks"));
            }
            for text in list.into_inner() {
                let sink = Sink::parse(text.get_ref()).ok_or((text.span().start, NO_SINK))?;
                if sinks.contains(&sink) {
                    return Err((text.span().start, "audit.sinks names one sink twice"));
                }
                sinks.push(sink);
            }
        }
        Ok((Keep { max_bytes, days }, sinks))
    }
}

const NO_SINK: &str = "audit.sinks has what is no sink: \"file:/absolute/path\", \"syslog\" or \"journald\", \
                       the latter two with :/path/of/a/socket if it is not the usual one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_a_kind_and_an_absolute_path() {
        assert_eq!(Sink::parse("file:/a/b.jsonl"), Some(Sink::File("/a/b.jsonl".into())));
        assert_eq!(Sink::parse("syslog"), Some(Sink::Syslog(SYSLOG.into())));
        assert_eq!(Sink::parse("journald:/x"), Some(Sink::Journald("/x".into())));
        for text in ["", "file", "file:", "file:a", "file:/", "file:/..", "Syslog", "tcp:/x", "syslog:x"] {
            assert_eq!(Sink::parse(text), None, "{text}");
        }
    }
}
