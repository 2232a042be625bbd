//! Providers and their routes: data, never code. The built-in table, and what
//! `secrets.providers.toml` overrides of it and adds to it.

use proto::control_lane::{Scheme, TokenSlot, Transport};
use proto::lease_lane::Inject;
use proto::name::{Handle, Host, Method, NameError, ProviderId, Purpose, RouteName};
use proto::policy::Origin;

use super::built_in::{self, BuiltIn, Credential, Group, Site};
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
    /// Where values go instead that are marked for it ([`crate::hazmat::injectable::Injectable`]).
    pub(crate) marked_host: Option<Host>,
    /// Path of the base URL, without a final slash; the request's path follows it.
    pub(crate) base_path: String,
    pub(crate) inject: Inject,
    /// Trust anchors (DER) in addition to the platform's roots.
    pub(crate) anchors: Vec<Vec<u8>>,
    pub(crate) routes: Vec<Route>,
    pub(crate) origin: Origin,
}

/// All providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Providers {
    table: Vec<Provider>,
    /// Built-in ones that are not in the table: something is for the file to say first.
    unplaced: Vec<ProviderId>,
    /// Why the file's overrides are not in force, if they are not.
    pub(crate) refused: Option<Complaint>,
}

/// Reads the certificates (DER) of a `ca_file`, or says what is wrong with it.
pub(crate) type AnchorReader<'a> = dyn Fn(&str) -> Result<Vec<Vec<u8>>, String> + 'a;

/// For TCP and TLS together.
const CONNECT_TIMEOUT_MS: u32 = 10_000;

impl Providers {
    /// The built-in table alone.
    pub(crate) fn built_in() -> Self {
        Self::of(built_in_table(), None)
    }

    /// The built-in table with a file's overrides and providers; a bad file refuses itself only.
    pub(crate) fn with_file(text: &str, read_anchors: &AnchorReader<'_>) -> Self {
        match super::providers_file::apply(text, read_anchors) {
            Ok(table) => Self::of(table, None),
            Err(complaint) => Self::of(built_in_table(), Some(complaint)),
        }
    }

    /// The built-in table, since the file could not be read or trusted.
    pub(crate) fn file_refused(what: impl Into<String>) -> Self {
        Self::of(built_in_table(), Some(Complaint::whole(what)))
    }

    fn of(table: Vec<Provider>, refused: Option<Complaint>) -> Self {
        let is_there = |id: &ProviderId| table.iter().any(|known| known.transport.provider == *id);
        let ids = built_in::ALL.iter().filter_map(|row| ProviderId::parse(row.id).ok());
        let unplaced = ids.filter(|id| !is_there(id)).collect();
        Self { table, unplaced, refused }
    }

    /// Built-in ones that are not in use, since something is for the file to say first.
    pub(crate) fn unplaced(&self) -> &[ProviderId] {
        &self.unplaced
    }

    /// The provider that takes no credential and has that name: its grants name it, in a secret's place.
    pub(crate) fn without_secret(&self, handle: &Handle) -> Option<&Provider> {
        let bare = handle.to_string();
        let id = ProviderId::parse(bare.trim_start_matches('@')).ok()?;
        self.find(&id).filter(|provider| provider.inject == Inject::Nothing)
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

/// Those of the built-in table that are complete without a file.
pub(super) fn built_in_table() -> Vec<Provider> {
    // A row that does not parse would be missing; a test reads every row back.
    built_in::ALL.iter().filter_map(|row| Provider::of_row(row).ok()?).collect()
}

impl Provider {
    /// Every way to it: one a host.
    pub(crate) fn transports(&self) -> impl Iterator<Item = Transport> {
        let marked = self.marked_host.clone().map(|host| Transport { host, ..self.transport.clone() });
        std::iter::once(self.transport.clone()).chain(marked)
    }

    /// Every host its requests go to.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Host> {
        std::iter::once(&self.transport.host).chain(&self.marked_host)
    }

    /// A built-in one, if its table says where it is.
    fn of_row(row: &BuiltIn) -> Result<Option<Self>, NameError> {
        Ok(match row.site {
            Site::Host(host) => Some(Self::at(row, Host::parse(host)?)?),
            Site::HostByKey { usual, marked } => {
                let marked_host = Some(Host::parse(marked)?);
                Some(Self { marked_host, ..Self::at(row, Host::parse(usual)?)? })
            }
            Site::OfItsUser | Site::ThisMachine { .. } => None,
        })
    }

    /// A built-in one to be overridden, with a place to be filled in if its table has none.
    pub(super) fn to_override(row: &BuiltIn) -> Result<Self, NameError> {
        let placed = match row.site {
            Site::Host(_) | Site::HostByKey { .. } => Self::of_row(row)?,
            Site::OfItsUser | Site::ThisMachine { .. } => None,
        };
        let mut provider = match placed {
            Some(placed) => placed,
            None => Self::at(row, Host::parse("localhost")?)?,
        };
        if let Site::ThisMachine { port } = row.site {
            (provider.transport.scheme, provider.transport.port) = (Scheme::Http, port);
        }
        provider.origin = Origin::Overridden;
        Ok(provider)
    }

    fn at(row: &BuiltIn, host: Host) -> Result<Self, NameError> {
        let id = ProviderId::parse(row.id)?;
        let routes = Route::of_groups(&id, row.groups)?;
        let header = |name: &str, prefix: &str| Inject::Header { name: name.into(), prefix: prefix.into() };
        let inject = match row.credential {
            Credential::Bearer => header("authorization", "Bearer "),
            Credential::Header(name) => header(name, ""),
            Credential::None => Inject::Nothing,
        };
        let mut provider = Self::new(id, host, inject);
        provider.transport.errors = row.errors;
        provider.routes = routes;
        Ok(provider)
    }

    /// One without routes.
    pub(super) fn new(id: ProviderId, host: Host, inject: Inject) -> Self {
        Self {
            transport: Transport {
                provider: id,
                scheme: Scheme::Https,
                host,
                port: 443,
                allow_private: false,
                connect_timeout_ms: CONNECT_TIMEOUT_MS,
                idle_timeout_ms: 0,
                scrub: true,
                errors: proto::control_lane::ErrorShape::OpenAi,
                token_slots: Vec::new(),
            },
            marked_host: None,
            base_path: String::new(),
            inject,
            anchors: Vec::new(),
            routes: Vec::new(),
            origin: Origin::BuiltIn,
        }
    }

    /// A client that was made for the provider has its token where the provider has its credential.
    pub(super) fn take_tokens_where_it_injects(&mut self) {
        let slot = match self.inject.clone() {
            Inject::Header { name, prefix } => TokenSlot::Header { name, prefix },
            Inject::Query { name } => TokenSlot::Query { name },
            Inject::Nothing => return,
        };
        if !self.transport.token_slots.contains(&slot) {
            self.transport.token_slots.push(slot);
        }
    }
}

impl Route {
    /// A route of that provider.
    pub(super) fn new(
        id: &ProviderId,
        method: &str,
        pattern: &str,
        purpose: &str,
    ) -> Result<Self, NameError> {
        Ok(Self {
            method: Method::parse(method)?,
            pattern: pattern.to_owned(),
            purpose: Purpose::parse(purpose)?,
            name: RouteName::parse(&format!("{id} {method} {pattern}"))?,
        })
    }

    /// All routes of a table.
    pub(super) fn of_groups(id: &ProviderId, groups: &[Group]) -> Result<Vec<Self>, NameError> {
        let rows = groups.iter().flat_map(Group::routes);
        rows.map(|(method, pattern, purpose)| Self::new(id, method, &pattern, purpose)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ProviderId {
        ProviderId::parse(text).unwrap()
    }

    fn purpose(provider: &str, method: &str, path: &str) -> Option<String> {
        let providers = Providers::built_in();
        let method = Method::parse(method).unwrap();
        providers.route(&id(provider), &method, path).map(|(_, route)| route.purpose.to_string())
    }

    #[test]
    fn every_built_in_row_is_well_formed() {
        for row in built_in::ALL {
            let provider = Provider::to_override(row).unwrap();
            let rows = row.groups.iter().flat_map(Group::routes).count();
            assert!(rows > 0 && provider.routes.len() == rows, "{}", row.id);
            let mut seen = std::collections::BTreeSet::new();
            for route in &provider.routes {
                assert!(pattern::is_pattern(&route.pattern), "{}", route.name);
                assert!(seen.insert(route.name.to_string()), "{} stands there twice", route.name);
            }
        }
        let providers = Providers::built_in();
        let placed: Vec<_> = providers.iter().map(|known| known.transport.provider.to_string()).collect();
        assert_eq!(placed.len() + providers.unplaced().len(), built_in::ALL.len());
        assert_eq!(providers.unplaced(), [id("azure-openai"), id("ollama")]);
    }

    #[test]
    fn method_and_path_both_decide() {
        assert_eq!(purpose("openai", "POST", "/v1/embeddings").as_deref(), Some("llm.embeddings"));
        assert_eq!(purpose("openai", "GET", "/v1/embeddings"), None);
        assert_eq!(purpose("openai", "POST", "/v1/x/../embeddings"), None);
    }

    #[test]
    fn administration_of_an_account_has_no_route() {
        for (provider, path) in [
            ("openai", "/v1/organization/users"),
            ("openai", "/v1/organization/admin_api_keys"),
            ("openai", "/v1/fine_tuning/checkpoints/a/permissions"),
            ("anthropic", "/v1/organizations/api_keys"),
            ("ollama", "/api/pull"),
            ("google", "/v1beta/tunedModels/a/permissions"),
        ] {
            for method in ["GET", "POST", "DELETE", "PATCH", "PUT"] {
                assert_eq!(purpose(provider, method, path), None, "{method} {path}");
            }
        }
    }

    #[test]
    fn what_the_sdks_call_has_the_purpose_that_is_documented() {
        for (provider, method, path, wanted) in [
            ("openai", "GET", "/v1/models/ft:gpt-4o:acme::1", "llm.models"),
            ("openai", "POST", "/v1/uploads/u/parts", "llm.files"),
            ("openai", "GET", "/v1/realtime", "llm.realtime"),
            ("openai", "POST", "/v1/threads/t/runs/r/submit_tool_outputs", "llm.chat"),
            ("openai", "POST", "/v1/audio/transcriptions", "llm.audio"),
            ("google", "POST", "/v1beta/models/gemini-embedding-001:batchEmbedContents", "llm.embeddings"),
            ("google", "POST", "/upload/v1beta/files", "llm.files"),
            ("google", "POST", "/v1beta/models/veo-3:predictLongRunning", "llm.video"),
            ("voyage", "POST", "/v1/contextualizedembeddings", "llm.embeddings"),
            ("anthropic", "POST", "/v1/messages/count_tokens", "llm.chat"),
            ("cohere", "POST", "/v2/rerank", "llm.rerank"),
            ("groq", "POST", "/openai/v1/chat/completions", "llm.chat"),
            ("openrouter", "GET", "/api/v1/models/a/b/endpoints", "llm.models"),
            ("deepseek", "POST", "/chat/completions", "llm.chat"),
            ("deepseek", "POST", "/anthropic/v1/messages", "llm.chat"),
            ("mistral", "POST", "/v1/ocr", "llm.files"),
        ] {
            assert_eq!(purpose(provider, method, path).as_deref(), Some(wanted), "{provider} {path}");
        }
    }
}
