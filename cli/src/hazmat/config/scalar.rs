//! A text of a configuration as its language means it, and what may stand in its place. What two programs
//! might read differently is refused: the value that is stored must be the one that was used.

#![expect(clippy::disallowed_methods, reason = "INV-02: a text is taken out of the file into a slot")]

use std::ops::Range;

use proto::frame::VALUE_MAX;
use proto::hazmat::{NoSlot, SecretBytes};

use super::language::{Language, Stays};

/// A text that can be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// What it means, as it is written.
    text: Range<usize>,
    /// The same with its quotes: what a reference takes the place of.
    pub(super) written: Range<usize>,
    /// The quote that is put around the reference.
    pub(super) quote: &'static str,
    escapes: Escapes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

impl Scalar {
    /// Looks at what lies around a text that was found.
    pub(super) fn of(language: Language, whole: &[u8], text: Range<usize>) -> Result<Self, Stays> {
        if text.len() > VALUE_MAX {
            return Err(Stays::Long);
        }
        let at = |place: Option<usize>| place.and_then(|place| whole.get(place)).copied();
        let (before, first) = (at(text.start.checked_sub(1)), at(text.start.checked_sub(2)));
        let (after, last) = (at(Some(text.end)), at(text.end.checked_add(1)));
        let inner = whole.get(text.clone()).unwrap_or_default();
        let has = |unwanted: &[u8]| inner.iter().any(|byte| unwanted.contains(byte) || *byte < b' ');
        let quoted = |escapes| {
            let written = text.start.saturating_sub(1)..text.end.saturating_add(1);
            Self { text: text.clone(), written, quote: "\"", escapes }
        };
        let bare = |quote| Self { text: text.clone(), written: text.clone(), quote, escapes: Escapes::None };
        match (language, before, after) {
            // One of three in a row, or a quote that stands for itself.
            (_, Some(quote @ (b'"' | b'\'')), Some(end))
                if quote == end && (first == Some(quote) || last == Some(quote)) =>
            {
                Err(Stays::Form)
            }
            (_, Some(b'"'), Some(b'"')) if has(b"\\") => match reads(inner) {
                true => Ok(quoted(Escapes::Backslash)),
                false => Err(Stays::Escapes),
            },
            (_, Some(b'"'), Some(b'"')) if !has(b"") => Ok(quoted(Escapes::None)),
            (Language::Toml | Language::Yaml, Some(b'\''), Some(b'\'')) if !has(b"") => {
                Ok(quoted(Escapes::None))
            }
            // NAME=value as one text.
            (_, Some(b'='), Some(b'"' | b'\'')) if !has(b"\\\"'") => Ok(bare("")),
            (Language::Yaml, Some(before), after) if !has(b",[]{}#&*!|>'\"%@`\\ :") => {
                let ends = after.is_none_or(|byte| byte.is_ascii_whitespace());
                let goes_on = rest_of_line(whole, text.end).is_some_and(|rest| !is_over(rest));
                match (before, ends && !goes_on && !is_continued(whole, text.end)) {
                    (b'=', true) => Ok(bare("")),
                    (b' ' | b'\t', true) => Ok(bare("\"")),
                    (_, _) => Err(Stays::Form),
                }
            }
            (Language::Toml | Language::Yaml | Language::Json | Language::Env, _, _) => Err(Stays::Form),
        }
    }

    /// What it means, in a slot of its own.
    pub(super) fn value(&self, whole: &[u8]) -> Result<SecretBytes, NoSlot> {
        let text = whole.get(self.text.clone()).unwrap_or_default();
        let mut value = SecretBytes::zeroed(text.len())?;
        let mut length = 0;
        let (mut from, mut places) = (text.iter(), value.expose_mut().iter_mut());
        while let (Some(byte), Some(place)) = (from.next(), places.next()) {
            *place = match (self.escapes, byte) {
                (Escapes::Backslash, b'\\') => from.next().and_then(|byte| meaning(*byte)).unwrap_or(b'\\'),
                (Escapes::Backslash | Escapes::None, byte) => *byte,
            };
            length += 1;
        }
        value.truncate(length);
        Ok(value)
    }
}

/// Whether each backslash has a meaning that all three languages give it.
fn reads(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte < b' ' || *byte == b'\\' && bytes.next().and_then(|byte| meaning(*byte)).is_none() {
            return false;
        }
    }
    true
}

const fn meaning(escaped: u8) -> Option<u8> {
    match escaped {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'\\' | b'"' | b'/' => Some(escaped),
        _ => None,
    }
}

fn rest_of_line(whole: &[u8], from: usize) -> Option<&[u8]> {
    whole.get(from..)?.split(|byte| *byte == b'\n').next()
}

/// Whether there is nothing more but a comment.
fn is_over(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    rest.is_empty() || rest.starts_with(b"#")
}

/// A text without quotes goes on in the next line that is indented further.
fn is_continued(whole: &[u8], from: usize) -> bool {
    let indent = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let start =
        whole.get(..from).unwrap_or_default().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut behind = whole.get(from..).unwrap_or_default().split(|byte| *byte == b'\n').skip(1);
    let next = behind.find(|line| !line.trim_ascii().is_empty());
    next.is_some_and(|next| !next.trim_ascii().starts_with(b"#") && indent(next) > indent(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the text between `<` and `>` means.
    fn read(language: Language, text: &str) -> Result<String, Stays> {
        let start = text.find('<').unwrap();
        let text = text.replacen('<', "", 1);
        let end = text.find('>').unwrap();
        let text = text.replacen('>', "", 1);
        let scalar = Scalar::of(language, text.as_bytes(), start..end)?;
        let value = scalar.value(text.as_bytes()).unwrap();
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    #[test]
    fn texts_mean_what_their_language_says() {
        for (language, text, value) in [
            (Language::Toml, "k = \"<a b>\"", "a b"),
            (Language::Toml, "k = '<a\\b>' # c", "a\\b"),
            (Language::Toml, "k = \"<a\\\"\\\\\\n>\"", "a\"\\\n"),
            (Language::Json, "{\"k\":\"<a\\/b>\"}", "a/b"),
            (Language::Yaml, "k: <a.b/c+d=>", "a.b/c+d="),
            (Language::Yaml, "k: <ab>  # c\nl: 1", "ab"),
            (Language::Yaml, "- K=<ab>\n", "ab"),
            (Language::Yaml, "- \"K=<a,b>\"\n", "a,b"),
            (Language::Yaml, "k: '<a b>'", "a b"),
        ] {
            assert_eq!(read(language, text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_may_mean_something_else_stays() {
        for (language, text, why) in [
            (Language::Toml, "k = <ab>", Stays::Form),
            (Language::Toml, "k = \"\"\"<ab>\"\"\"", Stays::Form),
            (Language::Toml, "k = \"<ab>", Stays::Form),
            (Language::Toml, "k = \"<a\\u0041>\"", Stays::Escapes),
            (Language::Json, "{'k': '<ab>'}", Stays::Form),
            (Language::Yaml, "k: '<it>''s'", Stays::Form),
            (Language::Yaml, "k: <a,b>", Stays::Form),
            (Language::Yaml, "{k: <ab>}", Stays::Form),
            (Language::Yaml, "k: <ab> cd", Stays::Form),
            (Language::Yaml, "k: <ab>\n  cd", Stays::Form),
            (Language::Yaml, "k: \"<a\tb>", Stays::Form),
        ] {
            assert_eq!(read(language, text), Err(why), "{text}");
        }
    }
}
