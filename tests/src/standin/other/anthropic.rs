//! Anthropic's shapes. Its SDK's version header must arrive.

use hyper::Method;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::{Reply, header, whole};
use crate::standin::openai::WORDS;

pub(super) fn reply(method: &Method, path: &str, headers: &HeaderMap, streamed: bool) -> Reply {
    let has_version = header(headers, "anthropic-version").starts_with("202");
    match (method.as_str(), path, streamed) {
        ("POST", "/v1/messages", true) if has_version => Reply::Events(events()),
        ("POST", "/v1/messages", false) if has_version => {
            whole(message(&json!([{ "type": "text", "text": WORDS.concat() }]), &json!("end_turn")))
        }
        _ => Reply::Nothing,
    }
}

fn message(content: &Value, stop: &Value) -> Value {
    json!({
        "id": "msg_standin", "type": "message", "role": "assistant", "model": "standin-1",
        "content": content, "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 9, "output_tokens": 6 },
    })
}

fn events() -> Vec<String> {
    let start = json!({ "type": "text", "text": "" });
    let mut all = vec![
        json!({ "type": "message_start", "message": message(&json!([]), &Value::Null) }),
        json!({ "type": "content_block_start", "index": 0, "content_block": start }),
    ];
    all.extend(WORDS.iter().map(|word| {
        let delta = json!({ "type": "text_delta", "text": word });
        json!({ "type": "content_block_delta", "index": 0, "delta": delta })
    }));
    let end = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    all.extend([
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": 6 } }),
        json!({ "type": "message_stop" }),
    ]);
    let named = |data: Value| {
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    all.into_iter().map(named).collect()
}
