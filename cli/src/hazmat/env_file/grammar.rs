//! What a line of a `.env` file may be. Programs differ in what they make of odd lines; what two of them
//! would read differently is refused, since the value that is stored must be the one that is used.
//!
//! ```text
//! # a comment
//! export NAME=value        # a comment behind a space
//! NAME='as it is, $ and all; line breaks too'
//! NAME="with \n \r \t \\ \" \$; line breaks too"
//! ```

#![expect(clippy::disallowed_methods, reason = "INV-02: the file is taken apart in its slot")]

use std::collections::BTreeMap;
use std::fmt;

use proto::hazmat::SecretBytes;

use super::{Quotes, Variable};

/// What is wrong with a line. Without any of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// No name, or one with another character than letters, digits and `_`.
    Name,
    /// No `=` right behind the name.
    Equals,
    /// White space right behind the `=`.
    Space,
    /// A quote that does not end.
    Unended,
    /// Something behind a quoted value that is no comment.
    Behind,
    /// A backslash and something that has no meaning.
    Escape,
    /// A `$` that some programs would put a variable in the place of.
    Dollar,
    /// A character that programs read differently outside quotes.
    Unquoted,
    /// A NUL.
    Nul,
    /// A name that came before, on that line.
    Again(u32),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("there is no name at its begin"),
            Self::Equals => f.write_str("there is no = right behind the name"),
            Self::Space => f.write_str("there is a space behind the ="),
            Self::Unended => f.write_str("a quote begins there and does not end"),
            Self::Behind => f.write_str("something follows the closing quote"),
            Self::Escape => f.write_str("a backslash stands before something it gives no meaning to"),
            Self::Dollar => f.write_str("a $ stands for itself only in single quotes"),
            Self::Unquoted => f.write_str(
                "a quote, a backslash, a backtick, a # or a carriage return stands in a value without quotes",
            ),
            Self::Nul => f.write_str("there is a NUL byte in it"),
            Self::Again(line) => write!(f, "its name has a value on line {line} already"),
        }
    }
}

impl Mistake {
    /// What to do about it.
    pub(crate) const fn mend(self) -> &'static str {
        match self {
            Self::Name | Self::Equals => "write it as NAME=value, or make it a comment with a # before it",
            Self::Space => "write it as NAME=value, without spaces around the =",
            Self::Unended => "close the quote",
            Self::Behind => "remove what follows it, or put a space and a # before it",
            Self::Escape => "put the value in single quotes, or double the backslash",
            Self::Dollar | Self::Unquoted => "put the value in single quotes",
            Self::Nul => "save it as plain text (UTF-8)",
            Self::Again(_) => "remove one of both",
        }
    }
}

/// Takes a file apart.
pub(super) fn parse(bytes: &SecretBytes) -> Result<Vec<Variable>, (u32, Mistake)> {
    let mut cursor = Cursor { bytes: bytes.expose(), at: 0, line: 1 };
    let mut variables: Vec<Variable> = Vec::new();
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    if let Some(nul) = cursor.bytes.iter().position(|byte| *byte == 0) {
        let before = cursor.bytes.iter().take(nul).filter(|byte| **byte == b'\n').count();
        return Err((u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1), Mistake::Nul));
    }
    while cursor.at < cursor.bytes.len() {
        let line = cursor.line;
        let Some(variable) = cursor.line().map_err(|mistake| (line, mistake))? else { continue };
        if let Some(before) = known.insert(variable.name.clone(), line) {
            return Err((line, Mistake::Again(before)));
        }
        variables.push(variable);
    }
    Ok(variables)
}

/// What is written in double quotes, to what it means; gives its length, which is never more. What
/// stands there was found to be in order before.
pub(super) fn unescape(text: &[u8], to: &mut [u8]) -> usize {
    let (mut from, mut written) = (text.iter(), 0);
    let mut places = to.iter_mut();
    while let (Some(byte), Some(place)) = (from.next(), places.next()) {
        *place = match byte {
            b'\\' => from.next().map_or(b'\\', |escaped| meaning(*escaped).unwrap_or(*escaped)),
            other => *other,
        };
        written += 1;
    }
    written
}

const fn meaning(escaped: u8) -> Option<u8> {
    match escaped {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'\\' | b'"' | b'$' => Some(escaped),
        _ => None,
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn advance(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line = self.line.saturating_add(1);
        }
        self.at += 1;
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&skipped) {
            self.advance();
        }
    }

    /// One line, or as many as its quotes span; none if there is no variable on it.
    fn line(&mut self) -> Result<Option<Variable>, Mistake> {
        let line = self.line;
        self.skip(is_blank);
        if self.is_at_its_end() || self.peek() == Some(b'#') {
            self.end_line();
            return Ok(None);
        }
        let mut name = self.name()?;
        if name == "export" && self.peek().is_some_and(is_blank) {
            self.skip(is_blank);
            name = self.name()?;
        }
        if self.peek() != Some(b'=') {
            return Err(Mistake::Equals);
        }
        self.advance();
        let (text, quotes) = match self.peek() {
            Some(b'\'') => (self.quoted(b'\'')?, Quotes::Single),
            Some(b'"') => (self.quoted(b'"')?, Quotes::Double),
            Some(_) | None => (self.unquoted()?, Quotes::None),
        };
        Ok(Some(Variable { name, line, text, quotes }))
    }

    fn name(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = self.bytes.get(start..self.at).unwrap_or_default();
        match name.first() {
            Some(first) if !first.is_ascii_digit() => Ok(String::from_utf8_lossy(name).into_owned()),
            Some(_) | None => Err(Mistake::Name),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<std::ops::Range<usize>, Mistake> {
        self.advance();
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(Mistake::Unended),
                Some(byte) if byte == quote => break,
                Some(b'$') if quote == b'"' => return Err(Mistake::Dollar),
                Some(b'\\') if quote == b'"' => {
                    self.advance();
                    if self.peek().and_then(meaning).is_none() {
                        return Err(Mistake::Escape);
                    }
                    self.advance();
                }
                Some(_) => self.advance(),
            }
        }
        let text = start..self.at;
        self.advance();
        self.skip(is_blank);
        // A comment must have a space before it, as behind a value without quotes.
        let is_comment = self.peek() == Some(b'#') && text.end + 1 < self.at;
        if !is_comment && !self.is_at_its_end() {
            return Err(Mistake::Behind);
        }
        self.end_line();
        Ok(text)
    }

    fn unquoted(&mut self) -> Result<std::ops::Range<usize>, Mistake> {
        let start = self.at;
        if self.peek().is_some_and(is_blank) {
            self.skip(is_blank);
            // An empty value may have a comment behind it.
            if !self.is_at_its_end() && self.peek() != Some(b'#') {
                return Err(Mistake::Space);
            }
            self.end_line();
            return Ok(start..start);
        }
        let mut end = start;
        while !self.is_at_its_end() {
            match self.peek() {
                None => break,
                Some(b'#') if end < self.at => break,
                Some(b'$') => return Err(Mistake::Dollar),
                Some(b'\r' | b'#' | b'\'' | b'"' | b'\\' | b'`') => return Err(Mistake::Unquoted),
                Some(byte) => {
                    self.advance();
                    if !is_blank(byte) {
                        end = self.at;
                    }
                }
            }
        }
        self.end_line();
        Ok(start..end)
    }

    /// A carriage return only ends a line together with a line feed.
    fn is_at_its_end(&self) -> bool {
        let behind = self.bytes.get(self.at + 1).copied();
        matches!((self.peek(), behind), (None | Some(b'\n'), _) | (Some(b'\r'), None | Some(b'\n')))
    }

    fn end_line(&mut self) {
        self.skip(|byte| byte != b'\n');
        if self.peek().is_some() {
            self.advance();
        }
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
