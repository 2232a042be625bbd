//! Providers other than OpenAI, each below a path of its own (`/google/v1beta/…`): where each wants its
//! one credential, and answers in its own shapes, as far as its SDK looks at them.

mod anthropic;
mod cohere;
mod google;
mod voyage;

use hyper::Method;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::openai;

/// Where a provider wants its credential.
enum Place {
    Bearer,
    Header(&'static str),
    None,
}

/// What a request gets.
pub(super) enum Reply {
    /// JSON, and headers beside it.
    Json(Value, Vec<(&'static str, String)>),
    /// Server-sent events.
    Events(Vec<String>),
    /// There is nothing at that place.
    Nothing,
}

/// One request to one of them.
pub(super) struct Other<'a> {
    provider: &'a str,
    /// Behind the provider.
    path: &'a str,
    head: &'a Parts,
}

/// Headers and pairs of a query that could be a credential.
const HEADERS: [&str; 6] =
    ["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "proxy-authorization"];
const PAIRS: [&str; 4] = ["key=", "api_key=", "access_token=", "token="];

impl<'a> Other<'a> {
    /// The provider a path begins with, if it is one of these.
    pub(super) fn of(head: &'a Parts) -> Option<Self> {
        let (provider, _) = head.uri.path().strip_prefix('/')?.split_once('/')?;
        place(provider)?;
        let path = head.uri.path().get(provider.len() + 1..)?;
        Some(Self { provider, path, head })
    }

    /// Whether the key is where this provider wants it, and no credential anywhere else.
    pub(super) fn has_key(&self, key: &str) -> bool {
        let (place, wanted) = match place(self.provider) {
            Some(Place::Bearer) => ("authorization", format!("Bearer {key}")),
            Some(Place::Header(name)) => (name, key.to_owned()),
            Some(Place::None) | None => ("", String::new()),
        };
        let of = |name: &str| self.head.headers.get_all(name).iter().count();
        let query = self.head.uri.query().unwrap_or_default();
        let in_query = query.split('&').any(|pair| PAIRS.iter().any(|name| pair.starts_with(name)));
        let elsewhere = HEADERS.iter().any(|name| *name != place && of(name) > 0);
        let is_there = place.is_empty()
            || (of(place) == 1
                && self.head.headers.get(place).is_some_and(|value| value.as_bytes() == wanted.as_bytes()));
        is_there && !elsewhere && !in_query
    }

    /// The answer to a body.
    pub(super) fn reply(&self, body: &[u8]) -> Reply {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let streamed = json.get("stream") == Some(&Value::Bool(true));
        let headers = &self.head.headers;
        match self.provider {
            "google" => google::reply(&self.head.method, self.path, headers),
            "anthropic" => anthropic::reply(&self.head.method, self.path, headers, streamed),
            "cohere" => cohere::reply(self.path, &json),
            "voyage" => voyage::reply(self.path, &json),
            _ => compatible(&self.head.method, self.path, &json, streamed),
        }
    }
}

fn place(provider: &str) -> Option<Place> {
    Some(match provider {
        "google" => Place::Header("x-goog-api-key"),
        "anthropic" => Place::Header("x-api-key"),
        "azure-openai" => Place::Header("api-key"),
        "ollama" => Place::None,
        "cohere" | "voyage" | "mistral" | "groq" | "openrouter" | "deepseek" | "openai" => Place::Bearer,
        _ => return None,
    })
}

/// OpenAI's language, wherever its paths begin.
fn compatible(method: &Method, path: &str, json: &Value, streamed: bool) -> Reply {
    let text = |field: &str| json.get(field).and_then(Value::as_str);
    let model = text("model").unwrap_or("standin-1");
    let ends = |end: &str| path.ends_with(end);
    if *method == Method::POST && ends("/chat/completions") {
        return if streamed {
            Reply::Events(openai::chat_events(model, openai::WORDS.len()))
        } else {
            whole(openai::chat(model))
        };
    }
    if *method == Method::POST && ends("/embeddings") {
        return whole(openai::embeddings(model, text("encoding_format")));
    }
    if *method == Method::POST && ends("/files") {
        return whole(json!({
            "id": "file-standin", "object": "file", "bytes": 5, "created_at": 1, "filename": "a.txt",
            "purpose": "assistants", "status": "processed",
        }));
    }
    Reply::Nothing
}

fn whole(body: Value) -> Reply {
    Reply::Json(body, Vec::new())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
