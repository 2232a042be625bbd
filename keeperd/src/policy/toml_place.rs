//! Where in a TOML file something is wrong, and what, without repeating the file's text.

use std::ops::Range;

/// A complaint about a file: `line L, column C: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint(String);

impl Complaint {
    /// About the text at that place.
    pub(crate) fn at(text: &str, place: Range<usize>, what: &str) -> Self {
        let before = text.get(..place.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self(format!("line {line}, column {column}: {what}"))
    }

    /// Of the parser. Its message may quote a string of the file; that part is left out.
    pub(crate) fn of(text: &str, error: &toml::de::Error) -> Self {
        let what = unquoted(error.message());
        match error.span() {
            Some(place) => Self::at(text, place, &what),
            None => Self(what),
        }
    }

    /// About the file as a whole.
    pub(crate) fn whole(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A string that was put where another type belongs may be anything, a key too.
fn unquoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            let (before, after) = (message.get(..first), message.get(last + 1..));
            format!("{}…{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => message.trim_end().replace('\n', ", "),
    }
}
