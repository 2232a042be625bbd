//! Providers that speak OpenAI's language, each as much of it as it documents.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Row, Site};

/// Its SDK puts `/openai/v1` into the path itself.
pub(super) const GROQ: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/openai/v1"], rows: CHAT },
        Group { bases: &["/openai/v1"], rows: EMBEDDINGS },
        Group { bases: &["/openai/v1"], rows: RESPONSES },
        Group { bases: &["/openai/v1"], rows: AUDIO },
        Group { bases: &["/openai/v1"], rows: FILES },
    ],
    ..bearer("groq", "api.groq.com")
};

pub(super) const OPENROUTER: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/api/v1"], rows: CHAT },
        Group { bases: &["/api/v1"], rows: EMBEDDINGS },
        Group { bases: &["/api/v1"], rows: RESPONSES },
        Group {
            bases: &["/api/v1"],
            rows: &[
                ("POST", "/messages", "llm.chat"),
                ("GET", "/generation", "llm.chat"),
                ("GET", "/models/{author}/{slug}/endpoints", "llm.models"),
                ("GET", "/providers", "llm.models"),
            ],
        },
    ],
    ..bearer("openrouter", "openrouter.ai")
};

/// With the version or without it, and Anthropic's API below `/anthropic`: its errors please both.
pub(super) const DEEPSEEK: BuiltIn = BuiltIn {
    errors: ErrorShape::Anthropic,
    groups: &[
        Group { bases: &["", "/v1", "/beta"], rows: CHAT },
        Group { bases: &["/anthropic/v1"], rows: &[("POST", "/messages", "llm.chat")] },
    ],
    ..bearer("deepseek", "api.deepseek.com")
};

pub(super) const DASHSCOPE: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/compatible-mode/v1"], rows: CHAT },
        Group { bases: &["/compatible-mode/v1"], rows: EMBEDDINGS },
        Group { bases: &["/compatible-mode/v1"], rows: RESPONSES },
        Group { bases: &["/compatible-mode/v1"], rows: FILES },
    ],
    ..bearer("dashscope", "dashscope.aliyuncs.com")
};

pub(super) const TOGETHER: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/v1"], rows: CHAT },
        Group { bases: &["/v1"], rows: EMBEDDINGS },
        Group { bases: &["/v1"], rows: AUDIO },
        Group { bases: &["/v1"], rows: IMAGES },
        Group { bases: &["/v1"], rows: &[("POST", "/rerank", "llm.rerank")] },
    ],
    ..bearer("together", "api.together.xyz")
};

pub(super) const XAI: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/v1"], rows: CHAT },
        Group { bases: &["/v1"], rows: EMBEDDINGS },
        Group { bases: &["/v1"], rows: RESPONSES },
        Group { bases: &["/v1"], rows: IMAGES },
        Group {
            bases: &["/v1"],
            rows: &[
                ("POST", "/messages", "llm.chat"),
                ("POST", "/tokenize-text", "llm.chat"),
                ("GET", "/language-models", "llm.models"),
                ("GET", "/language-models/{model}", "llm.models"),
            ],
        },
    ],
    ..bearer("xai", "api.x.ai")
};

pub(super) const FIREWORKS: BuiltIn = BuiltIn {
    groups: &[
        Group { bases: &["/inference/v1"], rows: CHAT },
        Group { bases: &["/inference/v1"], rows: EMBEDDINGS },
        Group { bases: &["/inference/v1"], rows: RESPONSES },
        Group { bases: &["/inference/v1"], rows: &[("POST", "/rerank", "llm.rerank")] },
    ],
    ..bearer("fireworks", "api.fireworks.ai")
};

pub(super) const PERPLEXITY: BuiltIn = BuiltIn {
    groups: &[Group {
        bases: &["", "/v1"],
        rows: &[
            ("POST", "/chat/completions", "llm.chat"),
            ("POST", "/responses", "llm.chat"),
            ("POST", "/search", "llm.chat"),
            ("GET POST", "/async/chat/completions", "llm.batches"),
            ("GET", "/async/chat/completions/{id}", "llm.batches"),
        ],
    }],
    ..bearer("perplexity", "api.perplexity.ai")
};

const CHAT: &[Row] = &[
    ("POST", "/chat/completions", "llm.chat"),
    ("POST", "/completions", "llm.chat"),
    ("GET", "/models", "llm.models"),
    ("GET", "/models/**", "llm.models"),
];
const EMBEDDINGS: &[Row] = &[("POST", "/embeddings", "llm.embeddings")];
const RESPONSES: &[Row] =
    &[("POST", "/responses", "llm.chat"), ("GET DELETE", "/responses/{id}", "llm.chat")];
const IMAGES: &[Row] =
    &[("POST", "/images/generations", "llm.images"), ("POST", "/images/edits", "llm.images")];
const AUDIO: &[Row] = &[
    ("POST", "/audio/speech", "llm.audio"),
    ("POST", "/audio/transcriptions", "llm.audio"),
    ("POST", "/audio/translations", "llm.audio"),
];
const FILES: &[Row] = &[
    ("GET POST", "/files", "llm.files"),
    ("GET DELETE", "/files/{id}", "llm.files"),
    ("GET", "/files/{id}/content", "llm.files"),
    ("GET POST", "/batches", "llm.batches"),
    ("GET", "/batches/{id}", "llm.batches"),
    ("POST", "/batches/{id}/cancel", "llm.batches"),
];

const fn bearer(id: &'static str, host: &'static str) -> BuiltIn {
    let (credential, errors) = (Credential::Bearer, ErrorShape::OpenAi);
    BuiltIn { id, site: Site::Host(host), credential, errors, groups: &[] }
}
