//! Who asks, and what for: reads a request's head into an ask for keeperd.
//!
//! Decides nothing about rights. The token is looked for where SDKs put a key; the first place that
//! has one wins, so that a client cannot show two and hope.
//!
//! The bytes themselves were judged beneath hyper, in [`super::wire`]: what gets here is one request,
//! strictly well formed, with one host or none.

use hyper::Request;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use proto::control_lane::TokenSlot;
use proto::hazmat::SecretBytes;
use proto::lease_lane::Caller;
use proto::name::{Handle, Method};

use super::{path, query, upgrade};
use crate::hazmat::token;
use crate::keeper::Ask;
use crate::refusal::Cause;

/// Names the secret a client wants.
pub(crate) const SECRET: HeaderName = HeaderName::from_static("x-ugent-secret");
/// Headers other than `authorization` that may hold a token.
pub(crate) const TOKEN_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// Reads the ask out of a head.
pub(crate) fn ask<B>(request: &Request<B>, caller: Caller) -> Result<Ask, Cause> {
    let target = path::parse(request.uri().path())?;
    let method = Method::parse(request.method().as_str())
        .map_err(|_| Cause::BadRequest("the method is not one of the gateway's"))?;
    let mut named = request.headers().get_all(SECRET).iter();
    let secret = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(name), None) => Some(
            name.to_str()
                .ok()
                .and_then(|name| Handle::parse(name).ok())
                .ok_or(Cause::BadRequest("x-ugent-secret is not a handle, as in @openai_api_key"))?,
        ),
        (Some(_), Some(_)) => return Err(Cause::BadRequest("x-ugent-secret stands there twice")),
    };
    let path = target.path.to_owned();
    Ok(Ask { caller, provider: target.provider, method, path, secret, retry_of: None })
}

/// The token a client presented, in a slot.
pub(crate) fn token(
    headers: &HeaderMap,
    query: Option<&str>,
    more: &[TokenSlot],
) -> Result<Option<SecretBytes>, Cause> {
    presented(headers, query, more).map(token::in_slot).transpose().map_err(|_| Cause::Busy)
}

/// The same where it stands: in one of the places every provider has, or in one of that provider's.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    more: &[TokenSlot],
) -> Option<&'a [u8]> {
    let is_given = |token: &&[u8]| !token.is_empty();
    headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.as_bytes()))
        .filter(is_given)
        .or_else(|| {
            TOKEN_HEADERS
                .iter()
                .filter_map(|name| headers.get(name))
                .map(HeaderValue::as_bytes)
                .find(is_given)
        })
        .or_else(|| query.and_then(|query| query::token(query, "key")).map(str::as_bytes))
        .or_else(|| upgrade::key(headers).filter(is_given))
        .or_else(|| more.iter().filter_map(|slot| in_its_slot(slot, headers, query)).find(is_given))
}

fn in_its_slot<'a>(slot: &TokenSlot, headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a [u8]> {
    match slot {
        TokenSlot::Header { name, prefix } => {
            let value = headers.get(name.as_str())?.as_bytes();
            let (start, token) = value.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix.as_bytes()).then(|| token.trim_ascii())
        }
        TokenSlot::Query { name } => query::token(query?, name).map(str::as_bytes),
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_len(headers: &[(&str, &str)], query: Option<&str>) -> Option<usize> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        token(&headers, query, &[]).unwrap().map(|token| token.len())
    }

    #[test]
    fn the_first_place_that_has_a_token_wins() {
        let all = [
            ("api-key", "4444"),
            ("x-goog-api-key", "333"),
            ("x-api-key", "22"),
            ("authorization", "bearer 1"),
        ];
        for skip in 0..4 {
            let headers: Vec<_> = all.iter().rev().skip(skip).copied().collect();
            assert_eq!(token_len(&headers, Some("a=b&key=55555")), Some(skip + 1));
        }
        assert_eq!(token_len(&[], Some("a=b&key=55555")), Some(5));
        assert_eq!(token_len(&[("authorization", "Basic xyz")], None), None);
        assert_eq!(token_len(&[("authorization", "Bearer ")], None), None);
        assert_eq!(
            token_len(&[("authorization", "Bearer "), ("x-api-key", "")], Some("key=&key=1")),
            Some(1)
        );
    }

    #[test]
    fn a_providers_own_places_come_last() {
        let slots = [
            TokenSlot::Header { name: "x-acme".into(), prefix: "Key ".into() },
            TokenSlot::Query { name: "acme".into() },
        ];
        let mut headers = HeaderMap::new();
        headers.insert("x-acme", "key  one".parse().unwrap());
        assert_eq!(presented(&headers, Some("acme=two"), &slots), Some(&b"one"[..]));
        assert_eq!(presented(&headers, Some("acme=two&key=three"), &slots), Some(&b"three"[..]));
        headers.insert("x-acme", "Token one".parse().unwrap());
        assert_eq!(presented(&headers, Some("acme=two"), &slots), Some(&b"two"[..]));
        assert_eq!(presented(&headers, Some("acme=two"), &[]), None);
    }

    #[test]
    fn a_malformed_secret_name_is_refused() {
        for (names, good) in
            [(vec!["@a"], true), (vec!["a"], false), (vec!["@"], false), (vec!["@a", "@a"], false)]
        {
            let mut request = Request::builder().uri("/proxy/openai/v1/x");
            for name in names {
                request = request.header("x-ugent-secret", name);
            }
            assert_eq!(ask(&request.body(()).unwrap(), Caller::Tcp).is_ok(), good);
        }
    }
}
