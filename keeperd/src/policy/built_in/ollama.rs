//! Ollama on this machine: it takes no credential, and there is none until the providers file says
//! `allow_private = true`, since what listens at its port need not be Ollama.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const OLLAMA: BuiltIn = BuiltIn {
    id: "ollama",
    site: Site::ThisMachine { port: 11434 },
    credential: Credential::None,
    errors: ErrorShape::Text,
    groups: &[Group { bases: &["/api"], rows: OWN }, Group { bases: &["/v1"], rows: COMPATIBLE }],
};

/// Pulling, pushing, copying and deleting models is the machine's administration, and not here.
const OWN: &[Row] = &[
    ("POST", "/chat", "llm.chat"),
    ("POST", "/generate", "llm.chat"),
    ("POST", "/embed", "llm.embeddings"),
    ("POST", "/embeddings", "llm.embeddings"),
    ("GET", "/tags", "llm.models"),
    ("GET", "/ps", "llm.models"),
    ("GET", "/version", "llm.models"),
    ("POST", "/show", "llm.models"),
];

const COMPATIBLE: &[Row] = &[
    ("POST", "/chat/completions", "llm.chat"),
    ("POST", "/completions", "llm.chat"),
    ("POST", "/responses", "llm.chat"),
    ("POST", "/messages", "llm.chat"),
    ("POST", "/embeddings", "llm.embeddings"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/**", "llm.models"),
];
