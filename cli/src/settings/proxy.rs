//! `upstream_proxy`: where egressd asks for its tunnels. A credential in it would be one in a
//! configuration file, so there is no place for one.

use proto::control_lane::Proxy;
use proto::name::Host;

const RULE: &str = "upstream_proxy is not http://HOST:PORT, as in \"http://proxy.corp.example:3128\"";

/// Reads one, or says what is wrong; never repeats it.
pub(super) fn parse(text: &str) -> Result<Proxy, &'static str> {
    if text.starts_with("https://") {
        return Err("upstream_proxy is spoken to in the clear: write http://HOST:PORT. \
                    What goes through it is encrypted all the same");
    }
    let rest = text.strip_prefix("http://").ok_or(RULE)?;
    if rest.contains('@') {
        return Err("upstream_proxy has a user or password in it, and the gateway has no place for them: \
                    use a proxy that lets this machine through without");
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = authority.rsplit_once(':').ok_or(RULE)?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').ok_or(RULE)?,
        None => host,
    };
    let host = Host::parse(host).map_err(|_| RULE)?;
    match port.parse() {
        Ok(port @ 1..) => Ok(Proxy { host, port }),
        Ok(0) | Err(_) => Err(RULE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_nothing_else() {
        for (text, host, port) in [
            ("http://proxy.corp.example:3128", "proxy.corp.example", 3128),
            ("http://10.0.0.1:80/", "10.0.0.1", 80),
            ("http://[::1]:8080", "::1", 8080),
        ] {
            let proxy = parse(text).unwrap();
            assert_eq!((proxy.host.as_str(), proxy.port), (host, port));
        }
        for bad in [
            "",
            "proxy:3128",
            "http://",
            "http://proxy",
            "http://:3128",
            "http://proxy:0",
            "http://proxy:65536",
            "http://proxy:3128/path",
            "http://me:word@proxy:3128",
            "https://proxy:3128",
            "socks5://proxy:1080",
            "http://[::1:8080",
        ] {
            let said = parse(bad).unwrap_err();
            assert!(said.starts_with("upstream_proxy ") && !said.contains("word@"), "{bad}: {said}");
        }
    }
}
