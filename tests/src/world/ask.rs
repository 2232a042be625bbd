//! What is asked of the gateway, as it goes over the wire, and what comes back.

use serde_json::Value;

/// A request on its way to be written.
#[derive(Clone)]
pub struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    /// A request with that method and target.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// `GET`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST` of that JSON.
    #[must_use]
    pub fn post(target: &str, json: &Value) -> Self {
        Self::new("POST", target)
            .header("content-type", "application/json")
            .body(json.to_string().into_bytes())
    }

    /// A chat completion through the gateway.
    #[must_use]
    pub fn chat() -> Self {
        Self::post("/proxy/openai/v1/chat/completions", &chat_body(&serde_json::json!(false)))
    }

    /// A streamed one.
    #[must_use]
    pub fn streamed_chat() -> Self {
        Self::post("/proxy/openai/v1/chat/completions", &chat_body(&serde_json::json!(true)))
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With that bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.header("authorization", &value)
    }

    /// With that script for the stand-in.
    #[must_use]
    pub fn script(self, script: &str) -> Self {
        self.header(crate::standin::SCRIPT_HEADER, script)
    }

    /// With that body, and its length.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// As it goes over the wire. A Host is added unless there is one.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text.push_str("host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

fn chat_body(stream: &Value) -> Value {
    serde_json::json!({
        "model": "standin-1", "stream": stream,
        "messages": [{ "role": "user", "content": "Say hello." }],
    })
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of that header, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The code of a refusal of the gateway.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.header("x-ugent-refusal")
    }

    /// The body as JSON, null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
