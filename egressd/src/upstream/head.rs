//! The head that goes to a provider: the client's, less what stays here, to where the lease says,
//! with a placeholder where the value will be.

use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Uri};
use proto::control_lane::Scheme;

use super::request_body::RequestBody;
use crate::gate::query;
use crate::gate::strip::Strip;
use crate::hazmat::needle::Needle;
use crate::keeper::Opened;
use crate::refusal::Cause;

const UNFIT: Cause = Cause::UpstreamUnreachable("the keeper's lease for it cannot be used");

/// Takes the value out of a lease, and makes the request it will be put into.
pub(super) fn build(
    client: &Parts,
    strip: &Strip,
    body: RequestBody,
    opened: Opened,
) -> Result<(Request<RequestBody>, Needle), Cause> {
    let name = HeaderName::from_bytes(opened.inject.header.as_bytes()).map_err(|_| UNFIT)?;
    let target = target(&opened.path, client.uri.query())?;
    let host = host(&opened)?;
    let needle = Needle::new(name.as_str(), &opened.inject.prefix, opened.value)?;
    let text = [opened.inject.prefix.as_bytes(), needle.placeholder()].concat();
    let mut value = HeaderValue::from_bytes(&text).map_err(|_| UNFIT)?;
    value.set_sensitive(true);
    let mut headers = strip.head(&client.headers);
    headers.insert(HOST, host);
    // Whatever the client had in that place is gone with this.
    headers.insert(name, value);
    let mut request = Request::new(body);
    *request.method_mut() = client.method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok((request, needle))
}

fn target(path: &str, query: Option<&str>) -> Result<Uri, Cause> {
    let target = match query.and_then(query::without_key) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
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
