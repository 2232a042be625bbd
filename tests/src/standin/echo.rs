//! Ways to send the key back that a provider should not have, and some have.

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HeaderMap, HeaderValue, UPGRADE};
use hyper::{Response, StatusCode};

use super::Shared;
use super::answer::response;
use super::pieces::{Piece, Pieces};
use super::script::Script;

/// How the key comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `echo`: with all headers of the request, in the answer's headers and body.
    Headers,
    /// `echo-event`: in the second of three events.
    Event,
    /// `echo-split`: in pieces of seven bytes, each a chunk of its own, with some text around.
    Split,
    /// `echo-gzip`: in a body that is gzip.
    Gzip,
    /// `echo-tail`: behind `pad` other bytes, as the last of the answer's only record.
    Tail,
    /// `echo-start`: its first twelve bytes, and then the body's end.
    Start,
    /// `echo-masked`: all but the middle of it.
    Masked,
    /// `echo-switch`: in the head of a change of protocol nobody asked for.
    Switch,
}

/// Sends back the credential of a request with those headers.
pub(super) fn answer(
    script: &Script,
    headers: &HeaderMap,
    shared: &Arc<Shared>,
    place: usize,
) -> Response<Pieces> {
    let credential = headers.get(AUTHORIZATION).cloned().unwrap_or(HeaderValue::from_static("none"));
    let key = credential.as_bytes().strip_prefix(b"Bearer ").unwrap_or(credential.as_bytes());
    match script.form {
        Form::Headers => {
            let text = listed(headers);
            let body = Pieces::whole(text, Arc::clone(&shared.log), place);
            let mut answer = response(StatusCode::OK, "text/plain; charset=utf-8", body);
            answer.headers_mut().insert("x-echo-authorization", credential);
            answer
        }
        Form::Event => {
            let events = ["data: one\n\n".into(), event(key), "data: three\n\n".into()];
            streamed("text/event-stream; charset=utf-8", events.into(), shared, place)
        }
        Form::Split => {
            let mut pieces = vec![Bytes::from_static(b"before ")];
            pieces.extend(key.chunks(7).map(Bytes::copy_from_slice));
            pieces.push(Bytes::from_static(b" behind"));
            streamed("text/plain; charset=utf-8", pieces, shared, place)
        }
        Form::Gzip => {
            let body = Pieces::whole(gzip(key), Arc::clone(&shared.log), place);
            let mut answer = response(StatusCode::OK, "text/plain", body);
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            answer
        }
        Form::Tail => whole([&vec![b'x'; script.pad], key].concat(), shared, place),
        Form::Start => whole(key.get(..12).unwrap_or(key).to_vec(), shared, place),
        Form::Masked => {
            let (first, last) = (key.get(..10), key.get(key.len().saturating_sub(10)..));
            let parts = [b"no such key: ", first.unwrap_or(key), b"****", last.unwrap_or(key), b"."];
            whole(parts.concat(), shared, place)
        }
        Form::Switch => {
            let mut answer = whole(Vec::new(), shared, place);
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            for (name, value) in [(CONNECTION, "upgrade"), (UPGRADE, "x")] {
                answer.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            answer.headers_mut().insert("x-echo-authorization", credential);
            answer
        }
    }
}

fn whole(text: Vec<u8>, shared: &Arc<Shared>, place: usize) -> Response<Pieces> {
    response(StatusCode::OK, "text/plain", Pieces::whole(text, Arc::clone(&shared.log), place))
}

fn listed(headers: &HeaderMap) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"] {
            text.extend_from_slice(part);
        }
    }
    text
}

fn event(key: &[u8]) -> Bytes {
    [b"data: your key is ", key, b"\n\n"].concat().into()
}

fn streamed(kind: &'static str, pieces: Vec<Bytes>, shared: &Arc<Shared>, place: usize) -> Response<Pieces> {
    let (to, body) = Pieces::streamed(Arc::clone(&shared.log), place);
    tokio::spawn(async move {
        for piece in pieces {
            if to.send(Piece::Bytes(piece)).await.is_err() {
                return;
            }
        }
    });
    response(StatusCode::OK, kind, body)
}

/// RFC 1952, with one stored block (RFC 1951 section 3.2.4): the text stands in it as it is.
fn gzip(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let mut whole = [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), text].concat();
    whole.extend_from_slice(&crc32(text).to_le_bytes());
    whole.extend_from_slice(&u32::from(length).to_le_bytes());
    whole
}

fn crc32(text: &[u8]) -> u32 {
    !text.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
            },
        )
    })
}
