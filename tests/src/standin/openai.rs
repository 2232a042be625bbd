//! Bodies in the shapes of OpenAI's API, as far as its official SDKs look at them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The words a completion is made of.
pub const WORDS: [&str; 6] = ["Hello", " from", " the", " stand-in", " provider", "."];

/// When everything was made: a fixed day, so that answers are equal.
const CREATED: u64 = 1_750_000_000;

/// The model's whole answer.
fn text() -> String {
    WORDS.concat()
}

fn usage() -> Value {
    json!({ "prompt_tokens": 9, "completion_tokens": WORDS.len(), "total_tokens": 9 + WORDS.len() })
}

/// An error.
pub(super) fn error(message: &str, kind: &str, code: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// `POST /v1/chat/completions`.
pub(super) fn chat(model: &str) -> Value {
    json!({
        "id": "chatcmpl-standin", "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": text(), "refusal": null },
        }],
        "usage": usage(),
    })
}

/// The same with `"stream": true`, one event an item, of as many words as asked for.
pub(super) fn chat_events(model: &str, words: usize) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        event(
            None,
            &json!({
                "id": "chatcmpl-standin", "object": "chat.completion.chunk", "created": CREATED, "model": model,
                "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
            }),
        )
    };
    let mut events: Vec<String> = (0..words)
        .zip(WORDS.iter().cycle())
        .map(|(index, word)| match index {
            0 => chunk(json!({ "role": "assistant", "content": word }), Value::Null),
            _ => chunk(json!({ "content": word }), Value::Null),
        })
        .collect();
    events.push(chunk(json!({}), json!("stop")));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn output_item(status: &str, content: Value) -> Value {
    json!({ "id": "msg_standin", "type": "message", "status": status, "role": "assistant", "content": content })
}

fn output_text(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn response_of(model: &str, status: &str, output: Value) -> Value {
    json!({
        "id": "resp_standin", "object": "response", "created_at": CREATED, "status": status, "model": model,
        "output": output, "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0,
        "usage": {
            "input_tokens": 9, "output_tokens": WORDS.len(), "total_tokens": 9 + WORDS.len(),
            "input_tokens_details": { "cached_tokens": 0 }, "output_tokens_details": { "reasoning_tokens": 0 },
        },
    })
}

/// `POST /v1/responses`.
pub(super) fn response(model: &str) -> Value {
    response_of(model, "completed", json!([output_item("completed", json!([output_text(&text())]))]))
}

/// The same with `"stream": true`: typed events, numbered.
pub(super) fn response_events(model: &str, words: usize) -> Vec<String> {
    let place = |kind: &str, more: Value| {
        let mut data =
            json!({ "type": kind, "item_id": "msg_standin", "output_index": 0, "content_index": 0 });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    };
    let begun = response_of(model, "in_progress", json!([]));
    let mut events = vec![
        json!({ "type": "response.created", "response": begun }),
        place("response.output_item.added", json!({ "item": output_item("in_progress", json!([])) })),
        place("response.content_part.added", json!({ "part": output_text("") })),
    ];
    events.extend(
        WORDS
            .iter()
            .cycle()
            .take(words)
            .map(|word| place("response.output_text.delta", json!({ "delta": word, "logprobs": [] }))),
    );
    let done = output_item("completed", json!([output_text(&text())]));
    events.extend([
        place("response.output_text.done", json!({ "text": text(), "logprobs": [] })),
        place("response.content_part.done", json!({ "part": output_text(&text()) })),
        place("response.output_item.done", json!({ "item": done })),
        json!({ "type": "response.completed", "response": response(model) }),
    ]);
    events
        .into_iter()
        .zip(0_u64..)
        .map(|(mut data, number)| {
            if let Some(data) = data.as_object_mut() {
                data.insert("sequence_number".to_owned(), number.into());
            }
            let kind = data.get("type").and_then(Value::as_str).map(str::to_owned);
            event(kind.as_deref(), &data)
        })
        .collect()
}

/// `POST /v1/embeddings`: one vector, of floats or, as the Python SDK asks, of base64 of
/// little-endian `f32`.
pub(super) fn embeddings(model: &str, format: Option<&str>) -> Value {
    const VECTOR: [f32; 4] = [0.5, -0.25, 0.125, 1.0];
    let vector = match format {
        Some("base64") => {
            let bytes: Vec<u8> = VECTOR.iter().flat_map(|x| x.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        }
        Some(_) | None => json!(VECTOR),
    };
    json!({
        "object": "list", "model": model,
        "data": [{ "object": "embedding", "index": 0, "embedding": vector }],
        "usage": { "prompt_tokens": 2, "total_tokens": 2 },
    })
}

fn event(kind: Option<&str>, data: &Value) -> String {
    match kind {
        None => format!("data: {data}\n\n"),
        Some(kind) => format!("event: {kind}\ndata: {data}\n\n"),
    }
}
