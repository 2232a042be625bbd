//! A request's head, line by line, each judged once: however it is cut into pieces, the same line
//! is the first that is wrong.

use super::fault::Fault;
use super::text;
use crate::gate::host;

/// Longest head, its last empty line included.
pub(crate) const HEAD_MAX: usize = 64 * 1024;
/// Most headers in one.
pub(crate) const HEADERS_MAX: usize = 100;
/// More than any length that is meant.
const LENGTH_DIGITS_MAX: usize = 18;
/// Leaves room for headers; hyper's own limit, beyond which it would answer by itself, is above it.
const TARGET_MAX: usize = HEAD_MAX - 1024;

/// Most of a head that is swept for control characters in one go, before it is taken line by line: a
/// body often stands behind it, which is swept for nothing.
const SWEPT: usize = 2048;

const TOO_LONG: Fault = Fault::TooLarge("its head is longer than 64 KiB");
const TOO_MANY: Fault = Fault::TooLarge("it has more than 100 headers");
const TWO_FRAMINGS: Fault = Fault::Malformed("it has both a content-length and a transfer-encoding");

/// How a body behind a head is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By a length; 0 where none is given.
    Length(u64),
    /// In chunks.
    Chunks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// A head that is being read.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where the line that is not judged yet begins, and how much of it has no end.
    start: usize,
    looked: usize,
    /// So far the head has no control character but those of line ends.
    clean: usize,
    version: Option<Version>,
    headers: usize,
    hosts: usize,
    length: Option<u64>,
    codings: usize,
}

impl Head {
    /// Looks at the whole head as far as it has come; its length and its body's framing if that is
    /// all of it.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Result<Option<(usize, Framing)>, Fault> {
        let region = bytes.get(..HEAD_MAX).unwrap_or(bytes);
        let start = region.get(..SWEPT).unwrap_or(region);
        if text::is_clean(start.get(self.clean..).unwrap_or_default()) {
            self.clean = start.len();
        }
        while let Some(length) = self.line(region)? {
            let end = self.looked + length;
            let line = region.get(self.start..end).unwrap_or_default();
            (self.start, self.looked) = (end + 2, end + 2);
            match self.version {
                None => self.version = Some(request_line(line)?),
                Some(version) if line.is_empty() => return Ok(Some((self.start, self.framing(version)?))),
                Some(_) => self.header(line)?,
            }
        }
        if bytes.len() > HEAD_MAX {
            return Err(TOO_LONG);
        }
        // A carriage return at the end is looked at again, with what follows it.
        let has_half_end = region.last() == Some(&b'\r');
        self.looked = region.len() - usize::from(has_half_end);
        Ok(None)
    }

    fn line(&self, region: &[u8]) -> Result<Option<usize>, Fault> {
        text::line(region.get(self.looked..).unwrap_or_default(), self.clean.saturating_sub(self.looked))
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.headers += 1;
        if self.headers > HEADERS_MAX {
            return Err(TOO_MANY);
        }
        let (name, value) = text::field(line)?;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => {
                self.hosts += 1;
                if self.hosts > 1 {
                    return Err(Fault::Malformed("it has more than one host"));
                }
            }
            6 if is(b"expect") && !value.eq_ignore_ascii_case(b"100-continue") => {
                return Err(Fault::Malformed("expect may only be 100-continue"));
            }
            14 if is(b"content-length") => {
                if self.length.is_some() {
                    return Err(Fault::Malformed("it has more than one content-length"));
                }
                self.length = Some(length(value)?);
            }
            17 if is(b"transfer-encoding") => {
                self.codings += 1;
                if self.codings > 1 || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::Malformed("transfer-encoding may only be chunked"));
                }
            }
            _ => {}
        }
        if self.length.is_some() && self.codings > 0 { Err(TWO_FRAMINGS) } else { Ok(()) }
    }

    fn framing(&self, version: Version) -> Result<Framing, Fault> {
        match version {
            Version::Http11 if self.hosts == 0 => Err(Fault::Malformed("it has no host")),
            Version::Http10 if self.codings > 0 => Err(Fault::Malformed("HTTP/1.0 has no transfer-encoding")),
            Version::Http10 | Version::Http11 if self.codings > 0 => Ok(Framing::Chunks),
            Version::Http10 | Version::Http11 => Ok(Framing::Length(self.length.unwrap_or_default())),
        }
    }
}

fn request_line(line: &[u8]) -> Result<Version, Fault> {
    if line.is_empty() {
        return Err(Fault::Malformed("it begins with an empty line"));
    }
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(path), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::Malformed("its first line is not METHOD PATH HTTP/1.1"));
    };
    if !text::is_token(method) {
        return Err(Fault::Malformed("its method has a character that none has"));
    }
    if matches!(method, b"CONNECT" | b"TRACE") {
        return Err(Fault::Malformed("the method is not one of the gateway's"));
    }
    target(path)?;
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        _ => Err(Fault::Malformed("its version is neither HTTP/1.1 nor HTTP/1.0")),
    }
}

/// A path, or a whole URL of this gateway (RFC 9112 section 3.2.2).
fn target(target: &[u8]) -> Result<(), Fault> {
    if target.len() > TARGET_MAX {
        return Err(Fault::TooLarge("its path is longer than 63 KiB"));
    }
    if !target.iter().all(|byte| is_of_target(*byte)) {
        return Err(Fault::Malformed("its path has a character that must be percent-encoded"));
    }
    if target.first() == Some(&b'/') {
        return Ok(());
    }
    let Some((scheme, rest)) = target.split_at_checked(7) else {
        return Err(Fault::Malformed("its path does not begin with a slash"));
    };
    if !scheme.eq_ignore_ascii_case(b"http://") {
        return Err(Fault::Malformed("its path does not begin with a slash"));
    }
    let end = memchr::memchr(b'/', rest).ok_or(Fault::Malformed("its URL has no path"))?;
    let authority = rest.get(..end).and_then(|authority| std::str::from_utf8(authority).ok());
    if authority.is_some_and(host::is_loopback) {
        Ok(())
    } else {
        Err(Fault::Malformed("the target names another host"))
    }
}

/// What RFC 3986 has in a path or query, and what is often sent there as it is. No `#`: what is
/// behind one would be lost on the way.
const fn is_of_target(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}')
}

fn length(value: &[u8]) -> Result<u64, Fault> {
    let is_plain = (1..=LENGTH_DIGITS_MAX).contains(&value.len())
        && value.iter().all(u8::is_ascii_digit)
        && (value.len() == 1 || value.first() != Some(&b'0'));
    if !is_plain {
        return Err(Fault::Malformed("its content-length is not one plain number"));
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_let_through_as_a_target_is_read_alike_above() {
        for byte in 0..=u8::MAX {
            for text in [[b"/a", &[byte][..], b"b"].concat(), [b"/a?", &[byte][..], b"b"].concat()] {
                if target(&text).is_ok() {
                    let uri = hyper::Uri::try_from(&text[..]).unwrap_or_else(|_| panic!("{byte:#x}"));
                    assert_eq!(uri.to_string().as_bytes(), text, "{byte:#x}");
                }
            }
        }
        let longest = [&[b'/'][..], &[b'a'; TARGET_MAX - 1]].concat();
        assert!(target(&longest).is_ok() && hyper::Uri::try_from(longest).is_ok());
    }
}
