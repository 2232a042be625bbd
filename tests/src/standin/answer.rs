//! One request: take it down, check its key, answer by its script.

use std::sync::{Arc, PoisonError};

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::Shared;
use super::echo;
use super::openai;
use super::other::{Other, Reply};
use super::pieces::{Piece, Pieces};
use super::script::{Course, Script};
use super::seen::{Ended, Log, Seen};
use super::socket;

/// Most of a body that is remembered; what is behind it is read and forgotten.
const BODY_KEPT: usize = 8 * 1024 * 1024;

/// Answers; `None` breaks the connection off.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    connection: u64,
) -> Option<Response<Pieces>> {
    let mut request = request;
    let upgrade = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let place = shared.log.begin(take_down(&head, connection));
    let script = Script::of(&head.headers);
    if script.course == Course::Early && has_key(&head.headers, &shared) {
        let error = openai::error("answered before the body was read", "scripted", "early").to_string();
        let pieces = Pieces::whole(error.into_bytes(), Arc::clone(&shared.log), place);
        return Some(response(StatusCode::PAYLOAD_TOO_LARGE, "application/json", pieces));
    }
    let body = read(body, &shared.log, place).await?;

    if script.course == Course::Late {
        shared.gates.pass(&script.gate).await;
    }
    let reply = |status: StatusCode, body: &Value| {
        let pieces = Pieces::whole(body.to_string().into_bytes(), Arc::clone(&shared.log), place);
        Some(response(status, "application/json", pieces))
    };
    let other = Other::of(&head);
    let is_let_in = match &other {
        Some(other) => other.has_key(&shared.key.read().unwrap_or_else(PoisonError::into_inner)),
        None => has_key(&head.headers, &shared) || has_key_in_query(&head, &shared),
    };
    if !is_let_in {
        let message = "the key is not the one this stand-in accepts";
        return reply(
            StatusCode::UNAUTHORIZED,
            &openai::error(message, "invalid_request_error", "invalid_api_key"),
        );
    }
    if head.uri.path() == socket::PATH {
        return Some(socket::answer(&head.headers, upgrade, &shared.log, place));
    }
    match script.course {
        Course::Drop => return None,
        Course::Status(status) => {
            return reply(status, &openai::error("as the script says", "scripted", "scripted"));
        }
        Course::Echo => return Some(echo::answer(&script, &head.headers, &shared, place)),
        Course::Flood => return Some(flood(&script, &shared, place)),
        Course::Plain | Course::Hold | Course::Late | Course::Reset | Course::Early => {}
    }
    if let Some(other) = other {
        return match other.reply(&body) {
            Reply::Events(events) => Some(stream(events, script, &shared, place)),
            Reply::Json(body, headers) => {
                let mut response = reply(StatusCode::OK, &body)?;
                for (name, value) in headers {
                    response.headers_mut().insert(name, HeaderValue::try_from(value).ok()?);
                }
                Some(response)
            }
            Reply::Nothing => reply(StatusCode::NOT_FOUND, &Value::Null),
        };
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |field: &str| json.get(field).and_then(Value::as_str);
    let model = text("model").unwrap_or("standin-1");
    let streamed = json.get("stream") == Some(&Value::Bool(true));
    let words = script.pieces.unwrap_or(openai::WORDS.len());
    match (&head.method, head.uri.path(), streamed) {
        (&Method::POST, "/v1/chat/completions", true) => {
            Some(stream(openai::chat_events(model, words), script, &shared, place))
        }
        (&Method::POST, "/v1/responses", true) => {
            Some(stream(openai::response_events(model, words), script, &shared, place))
        }
        (&Method::POST, "/v1/chat/completions", false) => reply(StatusCode::OK, &openai::chat(model)),
        (&Method::POST, "/v1/responses", false) => reply(StatusCode::OK, &openai::response(model)),
        (&Method::POST, "/v1/embeddings", _) => {
            reply(StatusCode::OK, &openai::embeddings(model, text("encoding_format")))
        }
        _ => {
            let error = openai::error("there is nothing at this place", "invalid_request_error", "not_found");
            reply(StatusCode::NOT_FOUND, &error)
        }
    }
}

fn take_down(head: &hyper::http::request::Parts, connection: u64) -> Seen {
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Seen {
        connection,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
        pieces: 0,
        ended: Ended::NotYet,
    }
}

/// Reads the body to its end, telling the log as it comes; `None` if it is cut off.
async fn read(mut body: Incoming, log: &Log, place: usize) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            log.change(place, |seen| seen.ended = Ended::Cut);
            return None;
        };
        if let Some(data) = frame.data_ref()
            && whole.len() < BODY_KEPT
        {
            whole.extend_from_slice(data);
            log.change(place, |seen| seen.body.extend_from_slice(data));
        }
    }
    Some(whole)
}

/// Whether there is exactly one credential and it is the key.
fn has_key(headers: &hyper::HeaderMap, shared: &Shared) -> bool {
    let key = shared.key.read().unwrap_or_else(PoisonError::into_inner);
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let first = shown.next().map(HeaderValue::as_bytes);
    first == Some(format!("Bearer {key}").as_bytes()) && shown.next().is_none()
}

/// Whether the query's `key` is the key, and there is no other credential.
fn has_key_in_query(head: &hyper::http::request::Parts, shared: &Shared) -> bool {
    let key = shared.key.read().unwrap_or_else(PoisonError::into_inner);
    let pairs = head.uri.query().unwrap_or_default().split('&');
    let shown: Vec<_> = pairs.filter_map(|pair| pair.strip_prefix("key=")).collect();
    shown == [key.as_str()] && !head.headers.contains_key(AUTHORIZATION)
}

pub(super) fn response(status: StatusCode, kind: &'static str, body: Pieces) -> Response<Pieces> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_standin"));
    response
}

fn stream(events: Vec<String>, script: Script, shared: &Arc<Shared>, place: usize) -> Response<Pieces> {
    let (to, pieces) = Pieces::streamed(Arc::clone(&shared.log), place);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        for (index, event) in events.into_iter().enumerate() {
            match script.course {
                Course::Hold if index == 1 => shared.gates.pass(&script.gate).await,
                Course::Reset if index == 1 => {
                    let _ = to.send(Piece::BreakOff).await;
                    return;
                }
                Course::Hold
                | Course::Reset
                | Course::Plain
                | Course::Early
                | Course::Late
                | Course::Drop
                | Course::Echo
                | Course::Flood
                | Course::Status(_) => {}
            }
            if index > 0 && !script.gap.is_zero() {
                tokio::time::sleep(script.gap).await;
            }
            if to.send(Piece::Bytes(event.into())).await.is_err() {
                return;
            }
        }
    });
    response(StatusCode::OK, "text/event-stream; charset=utf-8", pieces)
}

fn flood(script: &Script, shared: &Arc<Shared>, place: usize) -> Response<Pieces> {
    let (to, pieces) = Pieces::streamed(Arc::clone(&shared.log), place);
    let count = script.pieces.unwrap_or(1);
    tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; 16 * 1024]);
        for _ in 0..count {
            if to.send(Piece::Bytes(piece.clone())).await.is_err() {
                return;
            }
        }
    });
    response(StatusCode::OK, "application/octet-stream", pieces)
}
