//! `base_url` of `secrets.providers.toml`: `https://HOST[:PORT][/PATH]`, and nothing that could be read
//! as a user, a query or a second host.

use proto::control_lane::Scheme;
use proto::name::Host;

/// A base URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    /// Without a final slash.
    pub(super) path: String,
}

impl BaseUrl {
    /// Parses the text, all of it or nothing.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest, default_port) = match url.split_once("://")? {
            ("https", rest) => (Scheme::Https, rest, 443),
            ("http", rest) => (Scheme::Http, rest, 80),
            _ => return None,
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, ""),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = match port? {
            "" => default_port,
            digits => digits.parse().ok().filter(|port| *port != 0)?,
        };
        let path = path.trim_end_matches('/');
        if !path.is_empty() && !super::pattern::is_plain(path) {
            return None;
        }
        Some(Self { scheme, host: Host::parse(host).ok()?, port, path: path.to_owned() })
    }

    /// Whether it names this machine, by a name or address that is no other's.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.as_str() == "localhost" || self.host.address().is_some_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_ports_and_addresses() {
        let parse = |url| BaseUrl::parse(url).map(|base| (base.host.to_string(), base.port, base.path));
        assert_eq!(parse("https://[::1]:8443/a"), Some(("::1".into(), 8443, "/a".into())));
        assert_eq!(parse("https://127.0.0.1"), Some(("127.0.0.1".into(), 443, String::new())));
        assert_eq!(parse("https://x:0/"), None);
        assert_eq!(parse("https://x:70000/"), None);
        assert_eq!(parse("https:///a"), None);
    }
}
