//! Splits `/proxy/{provider}/{path}`, and refuses every path that two readers could take for two
//! different ones: so that what keeperd judges is what the provider gets.
//!
//! Works on the bytes as sent, and never rewrites them.

use proto::lease_lane::PATH_MAX;
use proto::name::ProviderId;

use crate::refusal::Cause;

const PROXY: &str = "/proxy/";
const TWO_WAYS: Result<(), Cause> = Err(Cause::BadRequest("the path has an escape that is read in two ways"));

/// Paths that come without the prefix, since an SDK has put our host, and no more, into a URL of its
/// provider's. Routes as every other: keeperd judges them.
const BARE: [(&str, &str); 1] = [("/upload/v1", "google")];

/// Where a request wants to go.
pub(crate) struct Target<'a> {
    /// From the path.
    pub(crate) provider: ProviderId,
    /// Behind the provider, starting with `/`.
    pub(crate) path: &'a str,
}

/// Parses the path of a request's target.
pub(crate) fn parse(path: &str) -> Result<Target<'_>, Cause> {
    let (provider, path) = split(path).ok_or(Cause::NoSuchPath)?;
    let path = if path.is_empty() { "/" } else { path };
    check(path)?;
    Ok(Target { provider, path })
}

/// Whose SDK would have to understand an answer to a head that is refused, if it says so much.
pub(crate) fn provider_of(head: &[u8]) -> Option<ProviderId> {
    let target = head.split(|byte| *byte == b' ').nth(1)?;
    provider(std::str::from_utf8(target).ok()?)
}

/// The provider a path names, whatever stands behind it.
pub(crate) fn provider(path: &str) -> Option<ProviderId> {
    split(path).map(|(provider, _)| provider)
}

fn split(path: &str) -> Option<(ProviderId, &str)> {
    let Some(rest) = path.strip_prefix(PROXY) else {
        let (_, id) = BARE.iter().find(|(start, _)| path.starts_with(start))?;
        return Some((ProviderId::parse(id).ok()?, path));
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (provider, path) = rest.split_at_checked(end)?;
    Some((ProviderId::parse(provider).ok()?, path))
}

fn check(path: &str) -> Result<(), Cause> {
    if path.len() > PATH_MAX {
        return Err(Cause::BadRequest("the path is too long"));
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' | b';' => {
                return Err(Cause::BadRequest("the path has a character that is read in two ways"));
            }
            0..=0x20 | 0x7f.. => {
                return Err(Cause::BadRequest("the path has a character that must be percent-encoded"));
            }
            b'%' => check_escape(bytes.next(), bytes.next())?,
            _ => {}
        }
    }
    if path.contains('%') && !is_text(path) {
        return Err(Cause::BadRequest("the path has escapes that are no UTF-8"));
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment == "." || segment == ".." || (segment.is_empty() && !is_last) {
            return Err(Cause::BadRequest("the path has an empty or dot segment"));
        }
    }
    Ok(())
}

fn check_escape(high: Option<u8>, low: Option<u8>) -> Result<(), Cause> {
    let (Some(high), Some(low)) = (high.and_then(hex), low.and_then(hex)) else {
        return Err(Cause::BadRequest("the path has a broken percent escape"));
    };
    match high << 4 | low {
        // Behind the last two a reader may undo what it finds a second time, or match it with a
        // route that was not judged: none needs to be escaped (RFC 3986 section 2.3).
        b'/' | b'\\' | b'.' | b';' | 0..=0x1f | 0x7f | b'%' => TWO_WAYS,
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') => TWO_WAYS,
        _ => Ok(()),
    }
}

/// Whether the path is text with its escapes undone, each of which is whole. An overlong form, which
/// some read as the character it stands for, is none.
fn is_text(path: &str) -> bool {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        text.extend(u8::from_str_radix(code, 16));
        text.extend_from_slice(rest.as_bytes());
    }
    std::str::from_utf8(&text).is_ok()
}

/// The value of a hex digit.
pub(crate) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_behind_the_provider_is_kept_as_sent() {
        for (sent, provider, path) in [
            ("/proxy/openai/v1/chat/completions", "openai", "/v1/chat/completions"),
            (
                "/proxy/google/v1beta/models/a-1.5:generateContent",
                "google",
                "/v1beta/models/a-1.5:generateContent",
            ),
            ("/proxy/openai/v1/files/", "openai", "/v1/files/"),
            ("/proxy/openai/v1/a%20b%C3%A9", "openai", "/v1/a%20b%C3%A9"),
            ("/proxy/openai", "openai", "/"),
            ("/proxy/openai/", "openai", "/"),
            ("/upload/v1beta/files", "google", "/upload/v1beta/files"),
            ("/proxy/google/upload/v1beta/files", "google", "/upload/v1beta/files"),
        ] {
            let target = parse(sent).unwrap_or_else(|cause| panic!("{sent}: {cause:?}"));
            assert_eq!((target.provider.as_str(), target.path), (provider, path));
        }
    }

    #[test]
    fn a_path_that_is_read_in_two_ways_is_refused() {
        for rest in [
            "/v1/../admin",
            "/v1/..",
            "/v1/.",
            "/./v1",
            "//v1",
            "/v1//x",
            "/v1/%2e%2e/x",
            "/v1/%2E",
            "/v1%2fx",
            "/v1%2Fx",
            "/v1%5cx",
            "/v1\\x",
            "/v1;a=b",
            "/v1%3Bx",
            "/v1%00",
            "/v1%0d%0a",
            "/v1%7f",
            "/v1%",
            "/v1%2",
            "/v1%zz",
            "/v1/é",
            "/v1 x",
            "/v1\tx",
        ] {
            let cause = parse(&format!("/proxy/openai{rest}")).err();
            assert!(matches!(cause, Some(Cause::BadRequest(_))), "{rest}: {cause:?}");
        }
        assert!(matches!(parse("/upload/v1/../files"), Err(Cause::BadRequest(_))));
        let long = format!("/proxy/openai/{}", "a".repeat(PATH_MAX));
        assert!(matches!(parse(&long), Err(Cause::BadRequest(_))));
    }

    #[test]
    fn a_refused_head_still_tells_whose_it_was_if_it_did() {
        let of = |head: &[u8]| provider_of(head).map(|id| id.to_string());
        assert_eq!(of(b"POST /proxy/google/v1beta/x HTTP/1.1\r\nbad").as_deref(), Some("google"));
        for head in [&b""[..], b"POST", b"POST /proxy/", b"POST /proxy/\xff/x H", b"POST /x/google/ H"] {
            assert_eq!(of(head), None);
        }
    }

    #[test]
    fn what_is_not_a_provider_is_not_found() {
        for sent in [
            "/",
            "/v1/chat",
            "/proxy",
            "/proxy/",
            "/proxy//x",
            "/proxy/Open_AI/x",
            "/proxy/%6f/x",
            "/proxy/../x",
            "/upload/files",
            "/v1/upload/v1beta/files",
        ] {
            assert_eq!(parse(sent).err(), Some(Cause::NoSuchPath), "{sent}");
        }
    }
}
