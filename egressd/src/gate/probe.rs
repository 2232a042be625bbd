//! `/healthz` and `/readyz`: whether this process is alive, and whether it could serve.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::keeper::KeeperState;

/// Asks keeperd, each time.
pub(crate) const READY: &str = "/readyz";

/// Answers a probe; `None` if the path is none.
pub(crate) fn answer(method: &Method, path: &str, keeper: KeeperState) -> Option<Response<Full<Bytes>>> {
    let (status, body) = match path {
        "/healthz" => (StatusCode::OK, r#"{"status":"alive"}"#),
        READY => match keeper {
            KeeperState::Unlocked => (StatusCode::OK, r#"{"status":"ready"}"#),
            KeeperState::Locked => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"vault_locked"}"#),
            KeeperState::Silent | KeeperState::Mute | KeeperState::Lost => {
                (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"keeper_unavailable"}"#)
            }
        },
        _ => return None,
    };
    let (status, body) = match *method {
        Method::GET => (status, body),
        Method::HEAD => (status, ""),
        _ => (StatusCode::METHOD_NOT_ALLOWED, r#"{"status":"use GET"}"#),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_with_an_unlocked_keeper_and_alive_always() {
        for (state, ready) in [
            (KeeperState::Silent, 503),
            (KeeperState::Locked, 503),
            (KeeperState::Unlocked, 200),
            (KeeperState::Mute, 503),
            (KeeperState::Lost, 503),
        ] {
            assert_eq!(answer(&Method::GET, "/readyz", state).unwrap().status(), ready);
            assert_eq!(answer(&Method::HEAD, "/healthz", state).unwrap().status(), 200);
        }
        assert_eq!(answer(&Method::POST, "/healthz", KeeperState::Unlocked).unwrap().status(), 405);
        assert!(answer(&Method::GET, "/healthz/", KeeperState::Unlocked).is_none());
    }
}
