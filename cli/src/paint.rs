//! Colours, for a person at a terminal: nowhere else, and not where NO_COLOR or a dumb terminal asks
//! for none. What is painted reads the same without.

use std::io::IsTerminal;

/// Whether a stream takes colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it is.
    Plain,
    /// With escapes around it.
    Coloured,
}

impl Paint {
    /// For that stream, in this environment.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let wanted = set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb");
        if wanted && stream.is_terminal() { Self::Coloured } else { Self::Plain }
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// An error of two lines: its words are painted, and not what they say.
    pub(crate) fn error(self, text: &str) -> String {
        let painted = |line: &str| match (line.strip_prefix("error:"), line.strip_prefix("hint:")) {
            (Some(rest), _) => format!("{}{rest}", self.bad("error:")),
            (None, Some(rest)) => format!("{}{rest}", self.strong("hint:")),
            (None, None) => line.to_owned(),
        };
        text.lines().map(painted).collect::<Vec<_>>().join("\n")
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_words() {
        let text = "error: a\nhint: b: error: c";
        assert_eq!(Paint::Plain.error(text), text);
        assert_eq!(Paint::Coloured.error(text), "\x1b[1;31merror:\x1b[0m a\n\x1b[1mhint:\x1b[0m b: error: c");
    }
}
