//! What never goes on to a provider: the caller's credentials, whatever they hold, and headers that
//! are about this hop or about who is behind it. And, on the way back, headers about the other hop.
//!
//! A request has two places for them: its head, and the trailers behind a chunked body. What must
//! not stand in the one must not stand in the other either.

use std::collections::HashSet;

use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, FORWARDED,
    HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA,
};

use proto::control_lane::TokenSlot;
use proto::lease_lane::Inject;

use super::admit::{SECRET, TOKEN_HEADERS};
use super::upgrade;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What of one request goes on.
pub(crate) struct Strip {
    /// Names that stay here besides those that always do.
    withheld: HashSet<HeaderName>,
}

impl Strip {
    /// For a request with that head, into which a value is put there, and whose client may have had a
    /// token in one of those places.
    pub(crate) fn new(head: &HeaderMap, inject: &Inject, slots: &[TokenSlot]) -> Self {
        let mut withheld = listed(head);
        match inject {
            Inject::Header { name, prefix: _ } => withheld.extend(HeaderName::from_bytes(name.as_bytes())),
            Inject::Query { name: _ } | Inject::Nothing => {}
        }
        for slot in slots {
            match slot {
                TokenSlot::Header { name, prefix: _ } => {
                    withheld.extend(HeaderName::from_bytes(name.as_bytes()));
                }
                TokenSlot::Query { name: _ } => {}
            }
        }
        Self { withheld }
    }

    /// A copy of the head without what must not go on.
    pub(crate) fn head(&self, from: &HeaderMap) -> HeaderMap {
        let mut to = HeaderMap::with_capacity(from.len() + 2);
        for (name, value) in from {
            if *name == TRAILER || !self.passes(name) {
                continue;
            }
            if *name != SEC_WEBSOCKET_PROTOCOL {
                to.append(name.clone(), value.clone());
            } else if let Some(protocols) = upgrade::without_key(value) {
                to.append(name.clone(), protocols);
            }
        }
        // About the hop to the provider, which is ours: whether what comes behind a body is wanted
        // there is said to it as it was said here.
        if names(from, &TE).any(|coding| coding == "trailers") {
            to.insert(TE, HeaderValue::from_static("trailers"));
            to.insert(CONNECTION, HeaderValue::from_static("te"));
        }
        if self.passes(&TRAILER)
            && let Some(announced) = self.announced(from)
        {
            to.insert(TRAILER, announced);
        }
        to
    }

    /// Trailers without what must not go on.
    pub(crate) fn trailers(&self, from: &HeaderMap) -> HeaderMap {
        from.iter()
            .filter(|(name, _)| self.passes_behind(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn passes(&self, name: &HeaderName) -> bool {
        !is_dropped(name) && !is_of_hop(name) && !self.withheld.contains(name)
    }

    /// RFC 9110 section 6.5.1: what frames or routes a message is never behind its body.
    fn passes_behind(&self, name: &HeaderName) -> bool {
        self.passes(name) && ![CONTENT_LENGTH, TRAILER].contains(name)
    }

    /// What is left of the names `trailer` announces.
    fn announced(&self, from: &HeaderMap) -> Option<HeaderValue> {
        let names: Vec<_> = names(from, &TRAILER)
            .filter(|name| self.passes_behind(name))
            .map(|name| name.to_string())
            .collect();
        if names.is_empty() { None } else { HeaderValue::try_from(names.join(", ")).ok() }
    }
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

/// A response's body has a transfer coding that hyper has not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OddCoding;

/// RFC 9112 section 6.3: where there is a transfer coding, it alone frames the body, and a length
/// beside it is of nothing. `chunked` is the only one that is undone here; what another leaves would
/// go on without its name.
pub(crate) fn unframe(headers: &mut HeaderMap) -> Result<(), OddCoding> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if codings.next().is_some() || !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(OddCoding);
    }
    headers.remove(CONTENT_LENGTH);
    Ok(())
}

/// RFC 9110 section 7.6.1.
fn is_of_hop(name: &HeaderName) -> bool {
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE].contains(name)
}

fn is_dropped(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, EXPECT, FORWARDED, VIA, REAL_IP, SECRET].contains(name)
        || TOKEN_HEADERS.contains(name)
        || name.as_str().starts_with("x-forwarded-")
        || is_credential(name.as_str())
}

/// Whether a header of that name holds a credential by its name's last words: a client may have set
/// the key of another gateway, or its own under another name.
fn is_credential(name: &str) -> bool {
    const ENDS: [&str; 8] = [
        "api-key",
        "apikey",
        "auth-key",
        "auth-token",
        "access-token",
        "security-token",
        "authorization",
        "subscription-key",
    ];
    let ends_with = |end: &&str| {
        let before = name.strip_suffix(end);
        before.is_some_and(|before| before.is_empty() || before.ends_with('-'))
    };
    if name.contains('_') {
        return is_credential(&name.replace('_', "-"));
    }
    ENDS.iter().any(ends_with) || name == "x-goog-iam-authorization-token"
}

/// The names `connection` lists, as many as there are. Those that say what the body is are not about
/// a hop, listed or not: without them it would be read as something else.
fn listed(headers: &HeaderMap) -> HashSet<HeaderName> {
    let of_body = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];
    names(headers, &CONNECTION).filter(|name| !of_body.contains(name)).collect()
}

/// The names a header lists.
fn names(headers: &HeaderMap, list: &HeaderName) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(list)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn into(name: &str) -> Inject {
        Inject::Header { name: name.into(), prefix: String::new() }
    }

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
            "apikey",
            "x-portkey-api-key",
            "x_access_token",
            "x-amz-security-token",
            "x-auth-token",
            "ocp-apim-subscription-key",
            "x-serverless-authorization",
            "x-acme-token",
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
            "idempotency-key",
            "accept",
        ] {
            from.append(name.parse::<HeaderName>().unwrap(), "kept".parse().unwrap());
        }
        from.append("accept", "twice".parse().unwrap());
        from.append("x-custom-key", "of the caller".parse().unwrap());
        let slots = [TokenSlot::Header { name: "x-acme-token".into(), prefix: String::new() }];
        let to = Strip::new(&from, &into("X-Custom-Key"), &slots).head(&from);
        assert_eq!(to.len(), 8);
        assert!(to.iter().all(|(_, value)| value == "kept" || value == "twice"));
        assert_eq!(to.get_all("accept").iter().count(), 2);
    }

    #[test]
    fn trailers_are_held_to_the_same_rules_and_announced_no_more_than_they_come() {
        let mut head = HeaderMap::new();
        head.append(CONNECTION, "x-listed".parse().unwrap());
        head.append(TRAILER, "X-Api-Key, x-checksum".parse().unwrap());
        head.append(TRAILER, "x-listed,authorization , x-custom-key,content-length".parse().unwrap());
        head.append(TRAILER, "x-forwarded-for,trailer,x-signature".parse().unwrap());
        let strip = Strip::new(&head, &into("x-custom-key"), &[]);
        assert_eq!(
            strip.head(&head).get_all(TRAILER).iter().collect::<Vec<_>>(),
            ["x-checksum, x-signature"]
        );
        let mut trailers = HeaderMap::new();
        for name in names(&head, &TRAILER) {
            trailers.append(name, "v".parse().unwrap());
        }
        let left = strip.trailers(&trailers);
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-checksum", "x-signature"]);
        head.remove(TRAILER);
        head.append(TRAILER, "x-api-key".parse().unwrap());
        assert!(!strip.head(&head).contains_key(TRAILER), "nothing is left to announce");
    }

    #[test]
    fn a_response_keeps_all_but_what_is_about_the_hop() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-hop, content-encoding,Content-Type , content-length,transfer-encoding"),
            ("content-encoding", "br"),
            ("content-type", "text/plain"),
            ("content-length", "3"),
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
        assert_eq!(
            left,
            [
                "content-encoding",
                "content-type",
                "content-length",
                "x-request-id",
                "set-cookie",
                "retry-after-ms"
            ]
        );
    }

    #[test]
    fn a_body_is_framed_by_chunks_or_by_a_length_and_by_nothing_else() {
        for (codings, left) in [
            (&[][..], Some(true)),
            (&["chunked"], Some(false)),
            (&["Chunked "], Some(false)),
            (&["gzip, chunked"], None),
            (&["gzip"], None),
            (&["identity"], None),
            (&["chunked", "chunked"], None),
            (&[""], None),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(CONTENT_LENGTH, "3".parse().unwrap());
            for coding in codings {
                headers.append(TRANSFER_ENCODING, coding.parse().unwrap());
            }
            let framed = unframe(&mut headers).ok().map(|()| headers.contains_key(CONTENT_LENGTH));
            assert_eq!(framed, left, "{codings:?}");
        }
    }
}
