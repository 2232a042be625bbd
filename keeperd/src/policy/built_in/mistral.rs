//! Mistral. Its connectors, service accounts and observability administer the account, and are not here.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const MISTRAL: BuiltIn = BuiltIn {
    id: "mistral",
    site: Site::Host("api.mistral.ai"),
    credential: Credential::Bearer,
    errors: ErrorShape::Message,
    groups: &[Group { bases: &["/v1"], rows: ROUTES }],
};

const ROUTES: &[Row] = &[
    ("POST", "/chat/completions", "llm.chat"),
    ("POST", "/fim/completions", "llm.chat"),
    ("POST", "/agents/completions", "llm.chat"),
    ("GET POST", "/agents", "llm.chat"),
    ("GET PATCH DELETE PUT", "/agents/**", "llm.chat"),
    ("POST", "/responses", "llm.chat"),
    ("POST", "/responses/input_tokens", "llm.chat"),
    ("GET POST", "/conversations", "llm.chat"),
    ("GET POST DELETE", "/conversations/**", "llm.chat"),
    ("POST", "/embeddings", "llm.embeddings"),
    ("POST", "/moderations", "llm.classify"),
    ("POST", "/chat/moderations", "llm.classify"),
    ("POST", "/classifications", "llm.classify"),
    ("POST", "/chat/classifications", "llm.classify"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/**", "llm.models"),
    ("POST", "/audio/transcriptions", "llm.audio"),
    ("POST", "/audio/speech", "llm.audio"),
    ("GET POST", "/audio/voices", "llm.audio"),
    ("GET PATCH DELETE", "/audio/voices/**", "llm.audio"),
    ("POST", "/ocr", "llm.files"),
    ("GET POST", "/files", "llm.files"),
    ("GET DELETE", "/files/{id}", "llm.files"),
    ("GET", "/files/{id}/content", "llm.files"),
    ("GET", "/files/{id}/url", "llm.files"),
    ("GET POST", "/libraries", "llm.files"),
    ("GET PUT DELETE", "/libraries/{id}", "llm.files"),
    ("GET POST", "/libraries/{id}/documents", "llm.files"),
    ("GET POST PUT DELETE", "/libraries/{id}/documents/**", "llm.files"),
    ("GET POST", "/batch/jobs", "llm.batches"),
    ("GET", "/batch/jobs/{id}", "llm.batches"),
    ("POST", "/batch/jobs/{id}/cancel", "llm.batches"),
    ("GET POST", "/fine_tuning/jobs", "llm.tuning"),
    ("GET", "/fine_tuning/jobs/{id}", "llm.tuning"),
    ("POST", "/fine_tuning/jobs/{id}/cancel", "llm.tuning"),
    ("POST", "/fine_tuning/jobs/{id}/start", "llm.tuning"),
    ("PATCH POST DELETE", "/fine_tuning/models/**", "llm.tuning"),
    ("DELETE", "/models/**", "llm.tuning"),
];
