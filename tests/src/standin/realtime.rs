//! A session of OpenAI's realtime API, as far as its SDKs look at it: events in text frames, of the
//! framing that a real WebSocket client checks.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::openai::WORDS;
use super::seen::{Ended, Log};

/// The model that has such sessions; another's sends back what comes.
pub(super) const MODEL: &str = "gpt-realtime";

/// The header by which a client knows that it was understood (RFC 6455 section 4.2.2).
pub(super) fn accept(headers: &HeaderMap, answer: &mut HeaderMap) {
    if let Some(key) = headers.get(SEC_WEBSOCKET_KEY)
        && let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
    {
        answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
}

/// Speaks until the client closes.
pub(super) async fn speak(upgrade: OnUpgrade, log: Arc<Log>, place: usize) {
    let Ok(socket) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(socket), Role::Server, None).await;
    let session = json!({ "type": "realtime", "object": "realtime.session", "id": "sess_standin" });
    let mut events = vec![json!({ "type": "session.created", "event_id": "e", "session": session })];
    loop {
        for event in events.drain(..) {
            if socket.send(Message::text(event.to_string())).await.is_err() {
                return;
            }
        }
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                log.change(place, |seen| seen.body.extend_from_slice(text.as_bytes()));
                let told: Value = serde_json::from_str(&text).unwrap_or_default();
                events = replies(told.get("type").and_then(Value::as_str).unwrap_or_default(), &session);
            }
            // The library answers a ping, and a close.
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break,
        }
    }
    log.change(place, |seen| seen.ended = Ended::Complete);
}

fn replies(told: &str, session: &Value) -> Vec<Value> {
    let ids = json!({
        "event_id": "e", "response_id": "resp_standin", "item_id": "item_standin",
        "output_index": 0, "content_index": 0,
    });
    let event = |kind: &str, more: Value| {
        let mut event = ids.clone();
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.insert("type".to_owned(), kind.into());
            event.extend(more);
        }
        event
    };
    match told {
        "session.update" => vec![event("session.updated", json!({ "session": session }))],
        "response.create" => {
            let word = |word: &&str| event("response.output_text.delta", json!({ "delta": word }));
            let mut events: Vec<Value> = WORDS.iter().map(word).collect();
            let done = json!({ "object": "realtime.response", "id": "resp_standin", "status": "completed" });
            events.push(event("response.done", json!({ "response": done })));
            events
        }
        _ => Vec::new(),
    }
}
