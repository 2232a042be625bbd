//! Cohere, in both versions of its API.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const COHERE: BuiltIn = BuiltIn {
    id: "cohere",
    site: Site::Host("api.cohere.com"),
    credential: Credential::Bearer,
    errors: ErrorShape::Message,
    groups: &[Group { bases: &["/v1", "/v2"], rows: BOTH }, Group { bases: &["/v1"], rows: FIRST }],
};

const BOTH: &[Row] = &[
    ("POST", "/chat", "llm.chat"),
    ("POST", "/embed", "llm.embeddings"),
    ("POST", "/rerank", "llm.rerank"),
    ("POST", "/parse", "llm.files"),
    ("POST", "/audio/transcriptions", "llm.audio"),
    ("GET POST", "/batches", "llm.batches"),
    ("GET", "/batches/{id}", "llm.batches"),
    ("POST", "/batches/{id}:cancel", "llm.batches"),
];

const FIRST: &[Row] = &[
    ("POST", "/generate", "llm.chat"),
    ("POST", "/summarize", "llm.chat"),
    ("POST", "/tokenize", "llm.chat"),
    ("POST", "/detokenize", "llm.chat"),
    ("POST", "/classify", "llm.classify"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/{model}", "llm.models"),
    ("GET POST", "/embed-jobs", "llm.batches"),
    ("GET", "/embed-jobs/{id}", "llm.batches"),
    ("POST", "/embed-jobs/{id}/cancel", "llm.batches"),
    ("GET POST", "/finetuning/finetuned-models", "llm.tuning"),
    ("GET PATCH DELETE", "/finetuning/finetuned-models/**", "llm.tuning"),
    ("GET POST", "/datasets", "llm.files"),
    ("GET DELETE", "/datasets/{id}", "llm.files"),
];
