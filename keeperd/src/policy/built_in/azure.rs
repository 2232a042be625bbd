//! OpenAI's models in Azure: each resource has a host of its own, so there is none until the providers
//! file says `base_url = "https://RESOURCE.openai.azure.com"`.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const AZURE_OPENAI: BuiltIn = BuiltIn {
    id: "azure-openai",
    site: Site::OfItsUser,
    credential: Credential::Header("api-key"),
    errors: ErrorShape::OpenAi,
    groups: &[
        Group { bases: &["/openai", "/openai/v1"], rows: super::openai::ROUTES },
        Group { bases: &["/openai/deployments/{deployment}"], rows: DEPLOYMENTS },
    ],
};

const DEPLOYMENTS: &[Row] = &[
    ("POST", "/chat/completions", "llm.chat"),
    ("POST", "/completions", "llm.chat"),
    ("POST", "/responses", "llm.chat"),
    ("POST", "/embeddings", "llm.embeddings"),
    ("POST", "/images/generations", "llm.images"),
    ("POST", "/images/edits", "llm.images"),
    ("POST", "/audio/speech", "llm.audio"),
    ("POST", "/audio/transcriptions", "llm.audio"),
    ("POST", "/audio/translations", "llm.audio"),
    ("GET", "/realtime", "llm.realtime"),
];
