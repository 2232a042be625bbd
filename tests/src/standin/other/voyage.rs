//! Voyage's shapes. Its SDK asks for embeddings as OpenAI's does.

use serde_json::{Value, json};

use super::{Reply, whole};
use crate::standin::openai;

pub(super) fn reply(path: &str, asked: &Value) -> Reply {
    match path {
        "/v1/embeddings" => {
            whole(openai::embeddings("standin-1", asked.get("encoding_format").and_then(Value::as_str)))
        }
        "/v1/rerank" => whole(json!({
            "object": "list", "model": "standin-1", "usage": { "total_tokens": 2 },
            "data": [{ "index": 1, "relevance_score": 0.75 }],
        })),
        _ => Reply::Nothing,
    }
}
