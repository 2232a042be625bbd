//! Voyage AI. Keys that were made in MongoDB Atlas begin with `al-` and are taken at another host.

use proto::control_lane::ErrorShape;

use super::{BuiltIn, Credential, Group, Site};

pub(super) const VOYAGE: BuiltIn = BuiltIn {
    id: "voyage",
    site: Site::HostByKey { usual: "api.voyageai.com", marked: "ai.mongodb.com" },
    credential: Credential::Bearer,
    errors: ErrorShape::Detail,
    groups: &[Group {
        bases: &["/v1"],
        rows: &[
            ("POST", "/embeddings", "llm.embeddings"),
            ("POST", "/multimodalembeddings", "llm.embeddings"),
            ("POST", "/contextualizedembeddings", "llm.embeddings"),
            ("POST", "/rerank", "llm.rerank"),
        ],
    }],
};
