//! What never goes on to a provider: the caller's credentials, whatever they hold, and headers that
//! are about this hop or about who is behind it. And, on the way back, headers about the other hop.

use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, PROXY_AUTHORIZATION,
    TE, TRANSFER_ENCODING, UPGRADE, VIA,
};

use super::admit::{SECRET, TOKEN_HEADERS};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// A copy of a client's headers without what must not go on.
pub(crate) fn request(from: &HeaderMap) -> HeaderMap {
    let listed = listed(from);
    let mut to = HeaderMap::with_capacity(from.len() + 2);
    for (name, value) in from {
        if !is_dropped(name) && !is_of_hop(name) && !listed.contains(name) {
            to.append(name.clone(), value.clone());
        }
    }
    to
}

/// A provider's headers, in their order, without those about the hop to it.
pub(crate) fn response(from: HeaderMap) -> HeaderMap {
    let listed = listed(&from);
    let mut to = HeaderMap::with_capacity(from.len());
    for (name, value) in &from {
        if !is_of_hop(name) && !listed.contains(name) {
            to.append(name.clone(), value.clone());
        }
    }
    to
}

/// RFC 9110 section 7.6.1.
fn is_of_hop(name: &HeaderName) -> bool {
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE].contains(name)
}

fn is_dropped(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, EXPECT, FORWARDED, VIA, REAL_IP, SECRET].contains(name)
        || TOKEN_HEADERS.contains(name)
        || name.as_str().starts_with("x-forwarded-")
}

/// The names `connection` lists. Those that frame the body are ours to handle, listed or not.
fn listed(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| *name != hyper::header::CONTENT_LENGTH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_hop_and_forwarding_headers_stay_here_and_the_rest_goes_on() {
        let mut from = HeaderMap::new();
        for name in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "proxy-authorization",
            "keep-alive",
            "proxy-connection",
            "te",
            "transfer-encoding",
            "upgrade",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-anything",
            "x-real-ip",
            "via",
            "host",
            "x-ugent-secret",
            "expect",
            "x-listed",
            "x-also-listed",
        ] {
            from.append(name.parse::<HeaderName>().unwrap(), "v".parse().unwrap());
        }
        from.append(CONNECTION, "close, X-Listed".parse().unwrap());
        from.append(CONNECTION, "x-also-listed ,content-length".parse().unwrap());
        for name in [
            "content-type",
            "content-length",
            "openai-organization",
            "anthropic-beta",
            "user-agent",
            "accept",
        ] {
            from.append(name.parse::<HeaderName>().unwrap(), "kept".parse().unwrap());
        }
        from.append("accept", "twice".parse().unwrap());
        let to = request(&from);
        assert_eq!(to.len(), 7);
        assert!(to.iter().all(|(_, value)| value == "kept" || value == "twice"));
        assert_eq!(to.get_all("accept").iter().count(), 2);
    }

    #[test]
    fn a_response_keeps_all_but_what_is_about_the_hop() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("x-request-id", "r"),
            ("set-cookie", "c"),
            ("retry-after-ms", "5"),
        ] {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let left = response(headers);
        let left: Vec<_> = left.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-request-id", "set-cookie", "retry-after-ms"]);
    }
}
