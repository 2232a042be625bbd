//! A change of protocol: to WebSocket (RFC 6455) and to nothing else. Any other that a client offers
//! stays here, and its request is one like every other.
//!
//! Here too is the place where a browser's client, which can set no header, puts its key: among the
//! subprotocols. It never leaves this machine.

use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Method, Version};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const KEY: &[u8] = b"openai-insecure-api-key.";

/// What a request wants of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// To stay as it is.
    None,
    /// To carry frames both ways.
    WebSocket,
}

impl Upgrade {
    /// What that head asks for.
    pub(crate) fn of(head: &Parts) -> Self {
        let is_asked = head.method == Method::GET
            && head.version == Version::HTTP_11
            && is_websocket(&head.headers)
            && items(&head.headers, &CONNECTION).any(|item| item.eq_ignore_ascii_case(b"upgrade"));
        if is_asked { Self::WebSocket } else { Self::None }
    }

    /// Puts into a head what changes the protocol of the hop it is for.
    pub(crate) fn announce(self, head: &mut HeaderMap) {
        match self {
            Self::None => {}
            Self::WebSocket => {
                head.append(CONNECTION, HeaderValue::from_static("upgrade"));
                head.insert(UPGRADE, WEBSOCKET);
            }
        }
    }
}

/// Whether that is what the head changes to.
pub(crate) fn is_websocket(head: &HeaderMap) -> bool {
    let mut named = head.get_all(UPGRADE).iter();
    let is_it = named.next().is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()));
    is_it && named.next().is_none()
}

/// The key among the subprotocols.
pub(crate) fn key(head: &HeaderMap) -> Option<&[u8]> {
    items(head, &SEC_WEBSOCKET_PROTOCOL).find_map(after_mark)
}

/// The subprotocols of one header without a key; `None` if none is left.
pub(crate) fn without_key(protocols: &HeaderValue) -> Option<HeaderValue> {
    if listed(protocols.as_bytes()).all(|item| after_mark(item).is_none()) {
        return Some(protocols.clone());
    }
    let kept: Vec<_> = listed(protocols.as_bytes()).filter(|item| after_mark(item).is_none()).collect();
    if kept.is_empty() { None } else { HeaderValue::from_bytes(&kept.join(&b", "[..])).ok() }
}

fn after_mark(item: &[u8]) -> Option<&[u8]> {
    let (mark, key) = item.split_at_checked(KEY.len())?;
    mark.eq_ignore_ascii_case(KEY).then_some(key)
}

fn items<'a>(head: &'a HeaderMap, list: &HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    head.get_all(list).iter().flat_map(|value| listed(value.as_bytes()))
}

fn listed(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_websocket_handshake_changes_the_protocol() {
        for (method, headers, upgrade) in [
            (
                "GET",
                vec![("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")],
                Upgrade::WebSocket,
            ),
            ("POST", vec![("connection", "upgrade"), ("upgrade", "websocket")], Upgrade::None),
            ("GET", vec![("upgrade", "websocket")], Upgrade::None),
            ("GET", vec![("connection", "upgrade"), ("upgrade", "h2c")], Upgrade::None),
            ("GET", vec![("connection", "upgrade"), ("upgrade", "websocket, h2c")], Upgrade::None),
            ("GET", vec![("connection", "upgrade")], Upgrade::None),
        ] {
            let mut request = hyper::Request::builder().method(method);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(Upgrade::of(&head), upgrade, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_key_among_the_subprotocols_is_found_and_taken_out() {
        for (sent, found, left) in [
            ("realtime, openai-insecure-api-key.abc , beta.v1", Some("abc"), Some("realtime, beta.v1")),
            ("OpenAI-Insecure-API-Key.abc", Some("abc"), None),
            ("realtime,x", None, Some("realtime,x")),
        ] {
            let mut head = HeaderMap::new();
            head.insert(SEC_WEBSOCKET_PROTOCOL, sent.parse().unwrap());
            assert_eq!(key(&head), found.map(str::as_bytes));
            let rest = without_key(&head[SEC_WEBSOCKET_PROTOCOL]);
            assert_eq!(rest.as_ref().map(|rest| rest.to_str().unwrap()), left);
        }
    }
}
