//! The head that goes to a provider: the client's, less what stays here, to where the lease says,
//! with a placeholder where the value will be.

use std::rc::Rc;

use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Uri};
use proto::control_lane::{Scheme, TokenSlot, Transport};
use proto::lease_lane::Inject;

use super::request_body::RequestBody;
use crate::gate::query;
use crate::gate::strip::Strip;
use crate::gate::upgrade::Upgrade;
use crate::hazmat::needle::Needle;
use crate::hazmat::scrub::Scrub;
use crate::hazmat::watch::Watch;
use crate::keeper::Opened;
use crate::refusal::Cause;

const UNFIT: Cause = Cause::UpstreamUnreachable("the keeper's lease for it cannot be used");

/// A request, the value that will be put into it, and the same value if the response is searched.
pub(super) struct Built {
    /// With a placeholder in the value's place.
    pub(super) request: Request<RequestBody>,
    /// Writes the value, if there is one.
    pub(super) needle: Option<Needle>,
    /// Keeps the slot until the response has ended; without it, it is wiped with the head written.
    pub(super) scrub: Option<Scrub>,
    /// Looks for it in all that is read, as long as there is a scrub.
    pub(super) watch: Option<Watch>,
}

/// Takes the value out of a lease, and makes the request it will be put into.
pub(super) fn build(
    client: &Parts,
    strip: &Strip,
    body: RequestBody,
    opened: Opened,
    transport: &Transport,
) -> Result<Built, Cause> {
    let mut headers = strip.head(&client.headers);
    headers.insert(HOST, host(&opened)?);
    Upgrade::of(client).announce(&mut headers);
    let slots = &transport.token_slots;
    let value = opened.value.map(Rc::new);
    let (needle, target) = match (&opened.inject, &value) {
        (Inject::Header { name, prefix }, Some(value)) => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| UNFIT)?;
            let needle = Needle::in_header(name.as_str(), prefix, Rc::clone(value))?;
            let text = [prefix.as_bytes(), needle.placeholder()].concat();
            let mut text = HeaderValue::from_bytes(&text).map_err(|_| UNFIT)?;
            text.set_sensitive(true);
            // Whatever the client had in that place is gone with this.
            headers.insert(name, text);
            (Some(needle), stem(&opened.path, client.uri.query(), slots, None))
        }
        (Inject::Query { name }, Some(value)) => {
            let stem = stem(&opened.path, client.uri.query(), slots, Some(name));
            let needle = Needle::in_query(client.method.as_str(), &stem, Rc::clone(value))?;
            let text = std::str::from_utf8(needle.placeholder()).map_err(|_| UNFIT)?;
            let target = format!("{stem}{text}");
            (Some(needle), target)
        }
        (Inject::Nothing, None) => (None, stem(&opened.path, client.uri.query(), slots, None)),
        (Inject::Header { .. } | Inject::Query { .. }, None) | (Inject::Nothing, Some(_)) => {
            return Err(UNFIT);
        }
    };
    let mut request = Request::new(body);
    *request.method_mut() = client.method.clone();
    *request.uri_mut() = uri(target)?;
    *request.headers_mut() = headers;
    let searched = value.filter(|_| transport.scrub);
    let watch = searched.as_ref().map(|value| Watch::new(Rc::clone(value)));
    Ok(Built { request, needle, scrub: searched.map(Scrub::new), watch })
}

/// Path and query; with `name=` at the end, if a value is to be put behind it.
fn stem(path: &str, query: Option<&str>, slots: &[TokenSlot], added: Option<&str>) -> String {
    let of_tokens = slots.iter().filter_map(|slot| match slot {
        TokenSlot::Query { name } => Some(name.as_str()),
        TokenSlot::Header { .. } => None,
    });
    let cut = of_tokens.chain(added);
    let kept = query.and_then(|query| query::without_credentials(query, cut));
    match (kept, added) {
        (None, None) => path.to_owned(),
        (Some(query), None) => format!("{path}?{query}"),
        (None, Some(name)) => format!("{path}?{name}="),
        (Some(query), Some(name)) => format!("{path}?{query}&{name}="),
    }
}

fn uri(target: String) -> Result<Uri, Cause> {
    if !target.starts_with('/') {
        return Err(UNFIT);
    }
    Uri::try_from(target).map_err(|_| Cause::BadRequest("the path or query cannot be forwarded"))
}

fn host(opened: &Opened) -> Result<HeaderValue, Cause> {
    let default = match opened.scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let name = match opened.host.address() {
        Some(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        Some(std::net::IpAddr::V4(_)) | None => opened.host.to_string(),
    };
    let text = if opened.port == default { name } else { format!("{name}:{}", opened.port) };
    HeaderValue::try_from(text).map_err(|_| UNFIT)
}
