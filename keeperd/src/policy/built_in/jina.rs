//! Jina. Its reader (`r.jina.ai`) and search (`s.jina.ai`) are other hosts, and other providers.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Site};

pub(super) const JINA: BuiltIn = BuiltIn {
    id: "jina",
    site: Site::Host("api.jina.ai"),
    credential: Credential::Bearer,
    errors: ErrorShape::Detail,
    groups: &[Group {
        bases: &["/v1"],
        rows: &[
            ("POST", "/embeddings", "llm.embeddings"),
            ("POST", "/rerank", "llm.rerank"),
            ("POST", "/classify", "llm.classify"),
        ],
    }],
};
