//! Where in a TOML file something is wrong, and what, without repeating the file's text.

use std::ops::Range;

use proto::policy::{FileComplaint, Place};

/// A complaint about a file: `line L, column C: what; mend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint(FileComplaint);

impl Complaint {
    /// About the text at that place.
    pub(crate) fn at(text: &str, place: Range<usize>, what: &str) -> Self {
        let before = text.get(..place.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let place = Some(Place { line: count(line), column: count(column) });
        Self(FileComplaint { place, what: what.to_owned(), mend: String::new() })
    }

    /// Of the parser. Its message may quote a string of the file; that part is left out.
    pub(crate) fn of(text: &str, error: &toml::de::Error) -> Self {
        let what = unquoted(error.message());
        match error.span() {
            Some(place) => Self::at(text, place, &what),
            None => Self::whole(what),
        }
    }

    /// About the file as a whole.
    pub(crate) fn whole(what: impl Into<String>) -> Self {
        Self(FileComplaint { place: None, what: what.into(), mend: String::new() })
    }

    /// The same, with what would be right.
    #[must_use]
    pub(crate) fn mended_by(mut self, mend: impl Into<String>) -> Self {
        self.0.mend = mend.into();
        self
    }

    /// What is wrong.
    pub(crate) fn what(&self) -> &str {
        &self.0.what
    }

    /// The line it is about.
    pub(crate) fn line(&self) -> Option<u32> {
        self.0.place.map(|place| place.line)
    }

    /// As the CLI is told.
    pub(crate) const fn told(&self) -> &FileComplaint {
        &self.0
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FileComplaint { place, what, mend } = &self.0;
        if let Some(Place { line, column }) = place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(what)?;
        if mend.is_empty() { Ok(()) } else { write!(f, "; {mend}") }
    }
}

/// Leaves out what a message quotes of the file: a string or a number that was put where another
/// type belongs, or in a name's place, may be anything, a key too. What it quotes of ours stays:
/// the names of fields it expected.
fn unquoted(message: &str) -> String {
    let message = message.trim_end().replace('\n', ", ");
    if message.starts_with("missing field") {
        return message;
    }
    without_first(&without_all(&message), '`')
}

/// Without anything between the first and the last double quote.
fn without_all(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            let (before, after) = (message.get(..first), message.get(last + 1..));
            format!("{}…{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => message.to_owned(),
    }
}

/// Without the first span between two of these marks, which is the one that is wrong.
fn without_first(message: &str, mark: char) -> String {
    let Some((before, rest)) = message.split_once(mark) else { return message.to_owned() };
    let Some((_, after)) = rest.split_once(mark) else { return before.to_owned() };
    format!("{before}…{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_quotes_of_the_file_is_left_out() {
        let cases = [
            (
                "unknown field `sk-canary`, expected one of `a`, `b`",
                "unknown field …, expected one of `a`, `b`",
            ),
            ("invalid type: integer `4111`, expected a string", "invalid type: integer …, expected a string"),
            ("invalid type: string \"sk-`canary`\", expected u32", "invalid type: string …, expected u32"),
            ("missing field `consumer`", "missing field `consumer`"),
            ("invalid key\nexpected a name", "invalid key, expected a name"),
        ];
        for (message, shown) in cases {
            assert_eq!(unquoted(message), shown);
        }
    }
}
