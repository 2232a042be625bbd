//! Cohere's shapes, of the second version of its API.

use serde_json::{Value, json};

use super::{Reply, whole};
use crate::standin::openai::WORDS;

pub(super) fn reply(path: &str, asked: &Value) -> Reply {
    let streamed = asked.get("stream") == Some(&Value::Bool(true));
    match (path, streamed) {
        ("/v2/chat", false) => whole(json!({
            "id": "standin", "finish_reason": "COMPLETE",
            "message": { "role": "assistant", "content": [{ "type": "text", "text": WORDS.concat() }] },
            "usage": { "tokens": { "input_tokens": 9, "output_tokens": WORDS.len() } },
        })),
        ("/v2/chat", true) => Reply::Events(WORDS.iter().map(|word| event(word)).collect()),
        ("/v2/embed", _) => whole(json!({
            "id": "standin", "response_type": "embeddings_by_type", "texts": ["hello"],
            "embeddings": { "float": [[0.5, -0.25]] },
        })),
        ("/v2/rerank", _) => {
            whole(json!({ "id": "standin", "results": [{ "index": 1, "relevance_score": 0.75 }] }))
        }
        _ => Reply::Nothing,
    }
}

fn event(word: &str) -> String {
    let delta = json!({ "message": { "content": { "text": word } } });
    format!(
        "event: content-delta\ndata: {}\n\n",
        json!({ "type": "content-delta", "index": 0, "delta": delta })
    )
}
