//! Gemini's shapes, and its resumable upload, whose URL names this stand-in itself.

use hyper::Method;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::{Reply, header, whole};
use crate::standin::openai::WORDS;

pub(super) fn reply(method: &Method, path: &str, headers: &HeaderMap) -> Reply {
    let (at, verb) = path.rsplit_once(':').unwrap_or((path, ""));
    match (method.as_str(), at, verb) {
        ("POST", _, "generateContent") => whole(content(&WORDS.concat(), Some("STOP"))),
        ("POST", _, "streamGenerateContent") => Reply::Events(events()),
        ("POST", _, "countTokens") => whole(json!({ "totalTokens": 7 })),
        ("POST", _, "batchEmbedContents") => whole(json!({ "embeddings": [{ "values": [0.5, -0.25] }] })),
        ("POST" | "PUT", "/upload/v1/files" | "/upload/v1beta/files", "") => upload(path, headers),
        _ => Reply::Nothing,
    }
}

fn content(text: &str, finish: Option<&str>) -> Value {
    json!({
        "candidates": [{
            "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0, "finishReason": finish,
        }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 6, "totalTokenCount": 7 },
        "modelVersion": "standin-1",
    })
}

fn events() -> Vec<String> {
    let last = WORDS.len() - 1;
    let finish = |index| (index == last).then_some("STOP");
    let one = |(index, word): (usize, &&str)| format!("data: {}\r\n\r\n", content(word, finish(index)));
    WORDS.iter().enumerate().map(one).collect()
}

fn upload(path: &str, headers: &HeaderMap) -> Reply {
    let command = header(headers, "x-goog-upload-command");
    if command == "start" {
        let host = header(headers, "host");
        let url = format!("https://{host}/google{path}?upload_id=u1&upload_protocol=resumable");
        let status = ("x-goog-upload-status", "active".to_owned());
        return Reply::Json(json!({}), vec![("x-goog-upload-url", url), status]);
    }
    let file = json!({
        "name": "files/standin", "mimeType": "text/plain", "sizeBytes": "5", "state": "ACTIVE",
        "uri": "https://generativelanguage.googleapis.com/v1beta/files/standin",
    });
    let status = if command.ends_with("finalize") { "final" } else { "active" };
    Reply::Json(json!({ "file": file }), vec![("x-goog-upload-status", status.to_owned())])
}
