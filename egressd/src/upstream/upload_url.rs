//! `x-goog-upload-url`: where the pieces of an upload go that was just begun. It names the provider's
//! own host; rewritten, it names ours, so that the pieces come this way too.
//!
//! The SDK sends them without a key: what opens the way is then the token of the request that began the
//! upload, so the URL that goes back to that client has it as `?key=`. It goes nowhere else, and is cut
//! off again before a piece leaves.

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use proto::control_lane::{Scheme, Transport};
use proto::name::ProviderId;

use crate::gate::admit;

const HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-goog-upload-url"), HeaderName::from_static("x-goog-upload-control-url")];

/// Rewrites the URL, if it is of that provider's host and stands below its base path. Any other goes on
/// as it came: it is no way past the grants that the client does not have anyway.
pub(super) fn rewrite(
    headers: &mut HeaderMap,
    client: &Parts,
    provider: &ProviderId,
    transport: &Transport,
    base_path: &str,
) {
    for name in &HEADERS {
        let Some(url) = headers.get(name).and_then(|url| url.to_str().ok()) else { continue };
        let ours =
            own_path(url, transport, base_path).and_then(|path| ours(path, client, provider, transport));
        if let Some(mut ours) = ours {
            ours.set_sensitive(true);
            headers.insert(name, ours);
        }
    }
}

/// Path and query below the provider's base path.
fn own_path<'a>(url: &'a str, transport: &Transport, base_path: &str) -> Option<&'a str> {
    let (scheme, default) = match transport.scheme {
        Scheme::Https => ("https://", 443),
        Scheme::Http => ("http://", 80),
    };
    let rest = url.strip_prefix(scheme)?;
    let (authority, target) = rest.split_at_checked(rest.find('/')?)?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_its_own = host.eq_ignore_ascii_case(transport.host.as_str()) && port == transport.port;
    target.strip_prefix(base_path).filter(|path| is_its_own && path.starts_with('/'))
}

fn ours(path: &str, client: &Parts, provider: &ProviderId, transport: &Transport) -> Option<HeaderValue> {
    // Judged when the request came: a name of this machine.
    let host = client.headers.get(HOST)?.to_str().ok()?;
    let mut url = format!("http://{host}/proxy/{provider}{path}");
    let token = admit::presented(&client.headers, client.uri.query(), &transport.token_slots);
    if let Some(token) =
        token.and_then(|token| std::str::from_utf8(token).ok()).filter(|token| is_plain(token))
    {
        url.push(if path.contains('?') { '&' } else { '?' });
        url.push_str("key=");
        url.push_str(token);
    }
    HeaderValue::try_from(url).ok()
}

/// As all tokens are; one that is not would not be itself in a query.
fn is_plain(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proto::control_lane::ErrorShape;
    use proto::name::Host;

    use super::*;

    fn rewritten(url: &str, base_path: &str, client: &[(&str, &str)]) -> String {
        let transport = Transport {
            provider: ProviderId::parse("google").unwrap(),
            scheme: Scheme::Https,
            host: Host::parse("g.example").unwrap(),
            port: 443,
            allow_private: false,
            connect_timeout_ms: 1,
            idle_timeout_ms: 0,
            scrub: true,
            errors: ErrorShape::Google,
            token_slots: Vec::new(),
        };
        let mut request = Request::builder().uri("/proxy/google/upload/v1beta/files");
        for (name, value) in client {
            request = request.header(*name, *value);
        }
        let (client, ()) = request.body(()).unwrap().into_parts();
        let mut headers = HeaderMap::new();
        headers.insert("x-goog-upload-url", url.parse().unwrap());
        rewrite(&mut headers, &client, &transport.provider, &transport, base_path);
        headers["x-goog-upload-url"].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_pieces_come_this_way_with_the_token_that_began_the_upload() {
        let client = [("host", "localhost:18443"), ("x-goog-api-key", "ugent_tok")];
        assert_eq!(
            rewritten(
                "https://g.example/upload/v1beta/files?upload_id=7&upload_protocol=resumable",
                "",
                &client
            ),
            "http://localhost:18443/proxy/google/upload/v1beta/files?upload_id=7&upload_protocol=resumable&key=ugent_tok"
        );
        assert_eq!(
            rewritten("https://G.example:443/base/upload/x", "/base", &client),
            "http://localhost:18443/proxy/google/upload/x?key=ugent_tok"
        );
        assert_eq!(
            rewritten("https://g.example/upload/x?a=b", "", &[("host", "localhost")]),
            "http://localhost/proxy/google/upload/x?a=b",
            "over a socket that needs no token there is none to pass on"
        );
    }

    #[test]
    fn a_url_of_another_host_is_left_alone_and_never_gets_the_token() {
        let client = [("host", "localhost:1"), ("x-goog-api-key", "ugent_tok")];
        for url in [
            "https://evil.example/upload/x",
            "https://g.example.evil.example/upload/x",
            "https://g.example@evil.example/upload/x",
            "https://g.example:444/upload/x",
            "http://g.example/upload/x",
            "https://g.example",
            "/upload/x",
        ] {
            assert_eq!(rewritten(url, "", &client), url);
        }
        assert_eq!(rewritten("https://g.example/other/x", "/base", &client), "https://g.example/other/x");
        assert_eq!(
            rewritten("https://g.example/basement/x", "/base", &client),
            "https://g.example/basement/x"
        );
    }

    #[test]
    fn what_is_no_token_is_not_put_into_a_url() {
        let client = [("host", "localhost:1"), ("x-goog-api-key", "a&b=c")];
        assert_eq!(rewritten("https://g.example/u", "", &client), "http://localhost:1/proxy/google/u");
    }
}
