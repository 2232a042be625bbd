//! What a client is told when its request goes nowhere, in the shape its provider's SDK parses.
//!
//! Messages say what to do next. They hold names and numbers of ours; never a piece of the request.

mod shape;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use proto::control_lane::ErrorShape;
use proto::meta::RecordSeq;
use proto::refusal::Refusal;

use crate::hazmat::needle::NeedleError;
use crate::keeper::Told;

/// Carries the code, so that a program need not parse the body.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-ugent-refusal");

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The head is malformed; says how.
    BadRequest(&'static str),
    /// The head is longer than any that is read; says how.
    HeadTooLarge(&'static str),
    /// Not a name of this machine in Host, or a browser's Origin.
    BadHost,
    /// Not a path of the gateway.
    NoSuchPath,
    /// keeperd said no.
    Keeper(Told),
    /// keeperd said yes, and took it back before the provider had answered.
    Revoked,
    /// keeperd cannot be asked.
    KeeperUnavailable,
    /// Too much at once.
    Busy,
    /// No connection to the provider; says why.
    UpstreamUnreachable(&'static str),
    /// The provider's certificate or handshake was refused; says why.
    UpstreamTls(&'static str),
    /// The provider took too long.
    UpstreamTimeout,
}

impl From<NeedleError> for Cause {
    fn from(error: NeedleError) -> Self {
        match error {
            NeedleError::NotInjectable => {
                let refusal = Refusal::ValueNotInjectable;
                Self::Keeper(Told { refusal, record: None, retry_secs: None })
            }
            NeedleError::NoRandom | NeedleError::NotFound => Self::Busy,
        }
    }
}

impl Cause {
    /// The word of the gateway's table.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::HeadTooLarge(_) => "head_too_large",
            Self::BadHost => "bad_host",
            Self::NoSuchPath => Refusal::UnknownRoute.as_str(),
            Self::Keeper(told) => told.refusal.as_str(),
            Self::Revoked => Refusal::NotGranted.as_str(),
            Self::KeeperUnavailable => "keeper_unavailable",
            Self::Busy => Refusal::Busy.as_str(),
            Self::UpstreamUnreachable(_) => "upstream_unreachable",
            Self::UpstreamTls(_) => "upstream_tls",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// Its status.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BadHost | Self::Revoked => StatusCode::FORBIDDEN,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Keeper(told) => match told.refusal {
                Refusal::InvalidToken => StatusCode::UNAUTHORIZED,
                Refusal::NotGranted | Refusal::ValueNotInjectable | Refusal::ApprovalDenied => {
                    StatusCode::FORBIDDEN
                }
                Refusal::RateLimited => StatusCode::TOO_MANY_REQUESTS,
                Refusal::UnknownRoute => StatusCode::NOT_FOUND,
                Refusal::VaultLocked
                | Refusal::JournalUnavailable
                | Refusal::Busy
                | Refusal::KeeperUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::KeeperUnavailable | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamUnreachable(_) | Self::UpstreamTls(_) => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Seconds until it may be tried again: as keeperd says, else one.
    const fn retry_secs(self) -> u32 {
        match self {
            Self::Keeper(Told { retry_secs: Some(secs), .. }) => secs,
            Self::Keeper(Told { retry_secs: None, .. })
            | Self::BadRequest(_)
            | Self::HeadTooLarge(_)
            | Self::BadHost
            | Self::NoSuchPath
            | Self::Revoked
            | Self::KeeperUnavailable
            | Self::Busy
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamTls(_)
            | Self::UpstreamTimeout => 1,
        }
    }

    fn message(self) -> String {
        let record = if let Self::Keeper(Told { record: Some(RecordSeq(seq)), .. }) = self {
            format!(" (see `ugent secret audit`, record {seq})")
        } else {
            String::new()
        };
        let text = match self {
            Self::BadRequest(how) => return format!("The request is malformed: {how}."),
            Self::HeadTooLarge(how) => return format!("The request is too large: {how}."),
            Self::BadHost => {
                "The gateway answers only to localhost, 127.0.0.1 and [::1], and not to web pages. \
                 Use http://127.0.0.1:PORT as the base URL"
            }
            Self::NoSuchPath => {
                "There is nothing at this path. Requests go to /proxy/PROVIDER/PATH, \
                 as in /proxy/openai/v1/chat/completions"
            }
            Self::Keeper(told) => by_keeper(told.refusal),
            Self::Revoked => {
                "The lease of this request was revoked while it ran. \
                 `ugent secret audit --event lease.ended` has the record"
            }
            Self::KeeperUnavailable => {
                "The broker's keeper is not reachable. Look at `ugent secret broker status` and try again"
            }
            Self::Busy => "The gateway is busy. Try again in a moment",
            Self::UpstreamUnreachable(why) => return format!("The provider cannot be reached: {why}."),
            Self::UpstreamTls(why) => return format!("The provider's TLS was refused: {why}."),
            Self::UpstreamTimeout => "The provider took too long. Try again",
        };
        format!("{text}{record}.")
    }
}

const fn by_keeper(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::InvalidToken => {
            "The broker's token is missing or not valid. Send the contents of secrets/broker.token \
             as the API key"
        }
        Refusal::NotGranted => {
            "No grant in secrets.grants.toml allows this. `ugent secret audit --event lease.denied` says why"
        }
        Refusal::ApprovalDenied => {
            "The grant for this asks a person, who denied it or did not answer in time. \
             `ugent secret approve` shows what waits"
        }
        Refusal::RateLimited => {
            "The grant's limit of requests (max_requests_per_minute, max_concurrent) is reached. Try again later"
        }
        Refusal::UnknownRoute => {
            "No route for this provider, method and path. A base URL is \
             http://127.0.0.1:PORT/proxy/PROVIDER and, for OpenAI's clients, /v1 behind it; README lists the routes"
        }
        Refusal::ValueNotInjectable => {
            "The secret's value cannot stand in an HTTP header: it must be 16 to 8192 visible ASCII \
             characters. Put a new one in its place with `ugent secret rotate @NAME --stdin`"
        }
        Refusal::VaultLocked => "The vault is locked. Type `ugent secret unlock` and try again",
        Refusal::JournalUnavailable => {
            "The use cannot be recorded, so it is not allowed. Look at `ugent secret broker status` \
             (is the disk full?)"
        }
        Refusal::KeeperUnavailable => {
            "The keeper cannot give this secret's value (is it missing or damaged?). \
             Look at `ugent secret audit --event lease.denied`, and put a new one in its place with \
             `ugent secret rotate @NAME --stdin`"
        }
        Refusal::Busy => "The broker is busy. Try again in a moment",
    }
}

/// The answer, in that shape.
pub(crate) fn answer(cause: Cause, shape: ErrorShape) -> Response<Full<Bytes>> {
    let status = cause.status();
    let body = shape::body(shape, status, cause.code(), &cause.message());
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HEADER, HeaderValue::from_static(cause.code()));
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(RETRY_AFTER, HeaderValue::from(cause.retry_secs()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body_of(response: Response<Full<Bytes>>) -> String {
        use http_body_util::BodyExt;
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_names_the_record_in_openai_shape() {
        let cause = Cause::Keeper(Told {
            refusal: Refusal::NotGranted,
            record: Some(RecordSeq(41)),
            retry_secs: None,
        });
        let response = answer(cause, ErrorShape::OpenAi);
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["x-ugent-refusal"], "not_granted");
        let body = body_of(response).await;
        assert!(body.starts_with(r#"{"error":{"message":""#), "{body}");
        assert!(body.contains("record 41") && body.contains(r#""code":"not_granted""#), "{body}");
    }

    #[tokio::test]
    async fn a_limit_is_429_with_the_time_keeperd_gave() {
        let told = Told { refusal: Refusal::RateLimited, record: None, retry_secs: Some(17) };
        let response = answer(Cause::Keeper(told), ErrorShape::Google);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[RETRY_AFTER], "17");
        assert_eq!(response.headers()["x-ugent-refusal"], "rate_limited");
        assert!(body_of(response).await.ends_with(r#""status":"RESOURCE_EXHAUSTED"}}"#));
    }

    #[tokio::test]
    async fn google_gets_its_own_shape_and_503_a_retry_after() {
        let response = answer(Cause::KeeperUnavailable, ErrorShape::Google);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let body = body_of(response).await;
        assert!(body.starts_with(r#"{"error":{"code":503,"#), "{body}");
        assert!(body.ends_with(r#""status":"UNAVAILABLE"}}"#), "{body}");
    }
}
