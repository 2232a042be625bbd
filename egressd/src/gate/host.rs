//! Keeps web pages out: a page whose name was rebound to 127.0.0.1 sends its own Host, and a page
//! that sends a request across origins says so in Origin.

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};

use crate::refusal::Cause;

/// Checks Host and Origin, also on the Unix socket; pages of these origins are let in.
pub(crate) fn check(headers: &HeaderMap, allowed: &[String]) -> Result<(), Cause> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let is_let_in =
        |origin: &HeaderValue| allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    if !headers.get_all(ORIGIN).iter().all(is_let_in)
        || hosts.next().is_some()
        || !host.is_some_and(is_loopback)
    {
        return Err(Cause::BadHost);
    }
    Ok(())
}

/// Whether an authority (host, and maybe a port) names this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, "0"),
    };
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    is_port && (host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for good in ["localhost", "LocalHost:18443", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:18443"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "localhost:",
            "localhost.",
            "localhost.evil.example",
            "evil.example",
            "127.0.0.2",
            "::1",
            "127.0.0.1:x",
            "127.0.0.1@evil.example",
            "127.0.0.1.evil.example:80",
            "[::1",
            "[::1]:80:80",
            "0",
            "[::]",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_browser_origin_that_is_not_listed_or_a_second_host_is_refused() {
        let check = |headers: &HeaderMap| check(headers, &["http://localhost:3000".to_owned()]);
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers), Err(Cause::BadHost));
        headers.insert(HOST, "localhost:1".parse().unwrap());
        assert_eq!(check(&headers), Ok(()));
        headers.append(HOST, "localhost:1".parse().unwrap());
        assert_eq!(check(&headers), Err(Cause::BadHost));
        headers.insert(HOST, "localhost:1".parse().unwrap());
        for (origin, told) in [
            ("http://localhost:3000", Ok(())),
            ("null", Err(Cause::BadHost)),
            ("http://localhost:3000/", Err(Cause::BadHost)),
            ("http://localhost", Err(Cause::BadHost)),
            ("http://localhost:3000, http://evil.example", Err(Cause::BadHost)),
        ] {
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert_eq!(check(&headers), told, "{origin}");
        }
        headers.insert(ORIGIN, "http://localhost:3000".parse().unwrap());
        headers.append(ORIGIN, "http://evil.example".parse().unwrap());
        assert_eq!(check(&headers), Err(Cause::BadHost));
    }
}
