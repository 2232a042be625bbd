//! What clients of the gateway may take up, of places and of time, and which web pages are clients.
//! Read by the launcher, kept by egressd. Never a right to anything: that is a grant's.

use serde::{Deserialize, Serialize};

/// Most origins: they go in one frame.
pub const ORIGINS_MAX: usize = 64;
/// Longest origin.
pub const ORIGIN_MAX: usize = 256;

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRules {
    /// Most connections in all.
    pub connections: u32,
    /// Most connections of one user of the Unix sockets.
    pub of_one_user: u32,
    /// Longest pause between two requests of a connection.
    pub idle_secs: u32,
    /// Longest time from a head's first byte to its last, and to a fresh connection's first.
    pub head_secs: u32,
    /// Longest wait for a body's next byte.
    pub stall_secs: u32,
    /// Web pages that may ask, as browsers write where they come from.
    pub origins: Vec<String>,
}

impl ClientRules {
    /// Unless `secrets.toml` says otherwise. Long enough for a slow link, short enough that a client
    /// that has died is not waited for.
    pub const DEFAULT: Self = Self {
        connections: 4096,
        of_one_user: 2048,
        idle_secs: 75,
        head_secs: 30,
        stall_secs: 60,
        origins: Vec::new(),
    };

    /// Whether every number is one that lets somebody in, and time is counted in less than a day.
    #[must_use]
    pub fn are_acceptable(&self) -> bool {
        let places = [self.connections, self.of_one_user];
        let times = [self.idle_secs, self.head_secs, self.stall_secs];
        places.iter().all(|count| (1..=1_000_000).contains(count))
            && times.iter().all(|secs| (1..=86_400).contains(secs))
    }
}

/// Whether that is an origin as a browser writes one (RFC 6454 section 6.2): scheme, host, maybe a
/// port, nothing behind it. `null` is every page that has none, so it is none here.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
    let is_place = rest
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']' | b'_'));
    text.len() <= ORIGIN_MAX && is_scheme && !rest.is_empty() && is_place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for good in ["http://localhost:3000", "https://app.example", "http://[::1]:1", "app-x://a_b"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "null",
            "*",
            "localhost",
            "http://",
            "http://A",
            "http://a/",
            "http://a b",
            "HTTP://a",
            "://a",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
