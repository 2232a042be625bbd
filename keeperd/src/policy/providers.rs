//! Providers and their routes: data, never code. The built-in table, and what
//! `secrets.providers.toml` overrides of it.

use proto::control_lane::{Scheme, Transport};
use proto::lease_lane::Inject;
use proto::name::{Host, Method, NameError, ProviderId, Purpose, RouteName};

use super::pattern;
use super::toml_place::Complaint;

/// A path of a provider that may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) pattern: String,
    pub(crate) purpose: Purpose,
    pub(crate) name: RouteName,
}

/// Where a provider's requests go, and where the credential goes in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) transport: Transport,
    /// Path of the base URL, without a final slash; the request's path follows it.
    pub(crate) base_path: String,
    pub(crate) inject: Inject,
    /// Trust anchors (DER) in addition to the platform's roots.
    pub(crate) anchors: Vec<Vec<u8>>,
    pub(crate) routes: Vec<Route>,
}

/// All providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Providers {
    table: Vec<Provider>,
    /// Why the file's overrides are not in force, if they are not.
    pub(crate) refused: Option<Complaint>,
}

struct BuiltIn {
    id: &'static str,
    host: &'static str,
    header: &'static str,
    prefix: &'static str,
    /// Method, path pattern, purpose.
    routes: &'static [(&'static str, &'static str, &'static str)],
}

const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        id: "openai",
        host: "api.openai.com",
        header: "authorization",
        prefix: "Bearer ",
        routes: &[
            ("POST", "/v1/chat/completions", "llm.chat"),
            ("POST", "/v1/responses", "llm.chat"),
            ("POST", "/v1/embeddings", "llm.embeddings"),
            ("GET", "/v1/realtime", "llm.realtime"),
        ],
    },
    BuiltIn {
        id: "google",
        host: "generativelanguage.googleapis.com",
        header: "x-goog-api-key",
        prefix: "",
        routes: &[
            ("POST", "/v1beta/models/{model}:generateContent", "llm.chat"),
            ("POST", "/v1beta/models/{model}:streamGenerateContent", "llm.chat"),
        ],
    },
    BuiltIn {
        id: "jina",
        host: "api.jina.ai",
        header: "authorization",
        prefix: "Bearer ",
        routes: &[("POST", "/v1/embeddings", "llm.embeddings"), ("POST", "/v1/rerank", "llm.rerank")],
    },
    BuiltIn {
        id: "voyage",
        host: "api.voyageai.com",
        header: "authorization",
        prefix: "Bearer ",
        routes: &[("POST", "/v1/embeddings", "llm.embeddings"), ("POST", "/v1/rerank", "llm.rerank")],
    },
];

/// Reads the certificates (DER) of a `ca_file`, or says what is wrong with it.
pub(crate) type AnchorReader<'a> = dyn Fn(&str) -> Result<Vec<Vec<u8>>, String> + 'a;

/// For TCP and TLS together.
const CONNECT_TIMEOUT_MS: u32 = 10_000;

impl Providers {
    /// The built-in table alone.
    pub(crate) fn built_in() -> Self {
        // A row that does not parse would be missing; a test reads every row back.
        let table = BUILT_IN.iter().filter_map(|row| Provider::built_in(row).ok()).collect();
        Self { table, refused: None }
    }

    /// The built-in table with a file's overrides; a bad file refuses itself only.
    pub(crate) fn with_file(text: &str, read_anchors: &AnchorReader<'_>) -> Self {
        let mut providers = Self::built_in();
        match super::providers_file::apply(text, &providers.table, read_anchors) {
            Ok(table) => providers.table = table,
            Err(complaint) => providers.refused = Some(complaint),
        }
        providers
    }

    /// The built-in table, since the file could not be read or trusted.
    pub(crate) fn file_refused(what: impl Into<String>) -> Self {
        Self { refused: Some(Complaint::whole(what)), ..Self::built_in() }
    }

    /// In the order of the table.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.table.iter()
    }

    /// The provider of that id.
    pub(crate) fn find(&self, id: &ProviderId) -> Option<&Provider> {
        self.table.iter().find(|provider| provider.transport.provider == *id)
    }

    /// The route a request takes, if there is one. A path that is not plain has none.
    pub(crate) fn route(&self, id: &ProviderId, method: &Method, path: &str) -> Option<(&Provider, &Route)> {
        if !pattern::is_plain(path) {
            return None;
        }
        let provider = self.find(id)?;
        let fits = |route: &&Route| route.method == *method && pattern::fits(&route.pattern, path);
        Some((provider, provider.routes.iter().find(fits)?))
    }
}

impl Provider {
    fn built_in(row: &BuiltIn) -> Result<Self, NameError> {
        let id = ProviderId::parse(row.id)?;
        let routes = row
            .routes
            .iter()
            .map(|(method, pattern, purpose)| Route::new(&id, method, pattern, purpose))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            transport: Transport {
                provider: id,
                scheme: Scheme::Https,
                host: Host::parse(row.host)?,
                port: 443,
                allow_private: false,
                connect_timeout_ms: CONNECT_TIMEOUT_MS,
                idle_timeout_ms: 0,
                scrub: true,
            },
            base_path: String::new(),
            inject: Inject::Header { name: row.header.to_owned(), prefix: row.prefix.to_owned() },
            anchors: Vec::new(),
            routes,
        })
    }
}

impl Route {
    fn new(id: &ProviderId, method: &str, pattern: &str, purpose: &str) -> Result<Self, NameError> {
        Ok(Self {
            method: Method::parse(method)?,
            pattern: pattern.to_owned(),
            purpose: Purpose::parse(purpose)?,
            name: RouteName::parse(&format!("{id} {method} {pattern}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_row_is_well_formed() {
        let providers = Providers::built_in();
        let ids: Vec<_> = providers.iter().map(|provider| provider.transport.provider.to_string()).collect();
        assert_eq!(ids, ["openai", "google", "jina", "voyage"]);
        for (provider, row) in providers.iter().zip(BUILT_IN) {
            assert_eq!(provider.routes.len(), row.routes.len());
        }
    }

    #[test]
    fn method_and_path_both_decide() {
        let providers = Providers::built_in();
        let openai = ProviderId::parse("openai").unwrap();
        let route = |method: &str, path: &str| {
            providers
                .route(&openai, &Method::parse(method).unwrap(), path)
                .map(|(_, route)| route.purpose.to_string())
        };
        assert_eq!(route("POST", "/v1/embeddings").as_deref(), Some("llm.embeddings"));
        assert_eq!(route("GET", "/v1/embeddings"), None);
        assert_eq!(route("POST", "/v1/organization/users"), None);
        assert_eq!(route("POST", "/v1/x/../embeddings"), None);
    }
}
