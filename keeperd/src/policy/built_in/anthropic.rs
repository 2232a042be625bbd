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

/// Not here: `/v1/organizations`, which takes another key, and what holds or gives out credentials
/// (`vaults`, `tunnels`, `user_profiles`).
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
    ("GET POST", "/agents", "llm.agents"),
    ("GET POST DELETE", "/agents/**", "llm.agents"),
    ("GET POST", "/sessions", "llm.agents"),
    ("GET POST DELETE", "/sessions/**", "llm.agents"),
    ("GET POST", "/environments", "llm.agents"),
    ("GET POST DELETE", "/environments/**", "llm.agents"),
    ("GET POST", "/deployments", "llm.agents"),
    ("GET POST DELETE", "/deployments/**", "llm.agents"),
    ("GET", "/deployment_runs", "llm.agents"),
    ("GET", "/deployment_runs/{id}", "llm.agents"),
    ("GET POST", "/dreams", "llm.agents"),
    ("GET POST", "/dreams/**", "llm.agents"),
    ("GET POST", "/memory_stores", "llm.agents"),
    ("GET POST PATCH DELETE", "/memory_stores/**", "llm.agents"),
];
