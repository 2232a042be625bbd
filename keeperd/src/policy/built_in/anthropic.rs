//! Anthropic. Its base URL has no version: the SDKs put `/v1` into the path.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const ANTHROPIC: BuiltIn = BuiltIn {
    id: "anthropic",
    site: Site::Host("api.anthropic.com"),
    credential: Credential::Header("x-api-key"),
    errors: ErrorShape::Anthropic,
    groups: &[Group { bases: &["/v1"], rows: ROUTES }],
};

/// `/v1/organizations` takes another key and is not here.
const ROUTES: &[Row] = &[
    ("POST", "/messages", "llm.chat"),
    ("POST", "/messages/count_tokens", "llm.chat"),
    ("POST", "/complete", "llm.chat"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/{model}", "llm.models"),
    ("GET POST", "/messages/batches", "llm.batches"),
    ("GET DELETE", "/messages/batches/{id}", "llm.batches"),
    ("POST", "/messages/batches/{id}/cancel", "llm.batches"),
    ("GET", "/messages/batches/{id}/results", "llm.batches"),
    ("GET POST", "/files", "llm.files"),
    ("GET DELETE", "/files/{id}", "llm.files"),
    ("GET", "/files/{id}/content", "llm.files"),
    ("GET POST", "/skills", "llm.files"),
    ("GET POST DELETE", "/skills/**", "llm.files"),
];
