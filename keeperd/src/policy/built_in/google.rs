//! Google's Gemini API. Its OpenAI-compatible paths (`/v1beta/openai`) are not here: whether they take
//! the credential in this header is not documented; a custom provider can have them.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

pub(super) const GOOGLE: BuiltIn = BuiltIn {
    id: "google",
    site: Site::Host("generativelanguage.googleapis.com"),
    credential: Credential::Header("x-goog-api-key"),
    errors: ErrorShape::Google,
    groups: &[
        Group { bases: &["/v1beta", "/v1", "/v1alpha"], rows: ROUTES },
        Group { bases: &["/upload/v1beta", "/upload/v1", "/upload/v1alpha"], rows: UPLOADS },
        Group { bases: &[""], rows: LIVE },
    ],
};

const ROUTES: &[Row] = &[
    ("POST", "/models/{model}:generateContent", "llm.chat"),
    ("POST", "/models/{model}:streamGenerateContent", "llm.chat"),
    ("POST", "/models/{model}:countTokens", "llm.chat"),
    ("POST", "/tunedModels/{model}:generateContent", "llm.chat"),
    ("POST", "/tunedModels/{model}:streamGenerateContent", "llm.chat"),
    ("POST", "/interactions", "llm.chat"),
    ("GET DELETE", "/interactions/{id}", "llm.chat"),
    ("POST", "/interactions/{id}/cancel", "llm.chat"),
    ("GET POST", "/cachedContents", "llm.chat"),
    ("GET PATCH DELETE", "/cachedContents/{id}", "llm.chat"),
    ("POST", "/models/{model}:embedContent", "llm.embeddings"),
    ("POST", "/models/{model}:batchEmbedContents", "llm.embeddings"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/{model}", "llm.models"),
    ("GET", "/tunedModels", "llm.models"),
    ("GET", "/tunedModels/{model}", "llm.models"),
    ("POST", "/models/{model}:predict", "llm.images"),
    ("POST", "/models/{model}:predictLongRunning", "llm.video"),
    ("GET", "/models/{model}/operations/{id}", "llm.video"),
    ("GET", "/operations/{id}", "llm.video"),
    ("POST", "/models/{model}:batchGenerateContent", "llm.batches"),
    ("POST", "/models/{model}:asyncBatchEmbedContent", "llm.batches"),
    ("GET", "/batches", "llm.batches"),
    ("GET DELETE", "/batches/{id}", "llm.batches"),
    ("POST", "/batches/{id}:cancel", "llm.batches"),
    ("GET", "/files", "llm.files"),
    ("GET DELETE", "/files/{id}", "llm.files"),
    ("GET", "/files/{id}:download", "llm.files"),
    ("POST", "/files:register", "llm.files"),
    ("GET POST", "/fileSearchStores", "llm.files"),
    ("GET DELETE", "/fileSearchStores/{id}", "llm.files"),
    ("POST", "/fileSearchStores/{id}:importFile", "llm.files"),
    ("GET", "/fileSearchStores/{id}/documents", "llm.files"),
    ("GET DELETE", "/fileSearchStores/{id}/documents/{document}", "llm.files"),
    ("GET", "/fileSearchStores/{id}/operations/{operation}", "llm.files"),
    ("GET", "/fileSearchStores/{id}/upload/operations/{operation}", "llm.files"),
    ("POST", "/tunedModels", "llm.tuning"),
    ("PATCH DELETE", "/tunedModels/{model}", "llm.tuning"),
    ("GET", "/tunedModels/{model}/operations/{id}", "llm.tuning"),
    ("POST", "/auth_tokens", "llm.realtime"),
    ("GET POST", "/voices", "llm.audio"),
    ("GET DELETE", "/voices/{id}", "llm.audio"),
    ("GET POST", "/agents", "llm.agents"),
    ("GET PATCH DELETE", "/agents/{id}", "llm.agents"),
    ("GET POST", "/environments", "llm.agents"),
    ("GET POST DELETE", "/environments/**", "llm.agents"),
];

/// Begun by POST; the pieces follow by POST or PUT.
const UPLOADS: &[Row] = &[
    ("POST PUT", "/files", "llm.files"),
    ("POST PUT", "/environments/**", "llm.agents"),
    ("POST PUT", "/fileSearchStores/{id}:uploadToFileSearchStore", "llm.files"),
];

/// Of any version: the name stands for `google.ai.generativelanguage.v1beta`, and the like.
const LIVE: &[Row] = &[
    ("GET", "/ws/{service}.GenerativeService.BidiGenerateContent", "llm.realtime"),
    ("GET", "/ws/{service}.GenerativeService.BidiGenerateContentConstrained", "llm.realtime"),
    ("GET", "/ws/{service}.GenerativeService.BidiGenerateMusic", "llm.realtime"),
];
