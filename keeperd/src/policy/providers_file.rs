//! `secrets.providers.toml`: what it overrides of a built-in provider. Strict, and all or nothing.

use proto::control_lane::Scheme;
use proto::lease_lane::Inject;
use proto::name::{Host, ProviderId};
use toml::Spanned;

use super::providers::{AnchorReader, Provider};
use super::toml_place::Complaint;

/// Longest connect or idle timeout that can be asked for: an hour.
const TIMEOUT_MAX_SECS: u32 = 3_600;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    providers: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Spanned<ProviderId>,
    base_url: Option<Spanned<String>>,
    ca_file: Option<Spanned<String>>,
    allow_private: Option<bool>,
    connect_timeout_secs: Option<Spanned<u32>>,
    idle_timeout_secs: Option<Spanned<u32>>,
    scrub: Option<bool>,
    inject: Option<Spanned<Place>>,
}

/// `{ header = "x-key", format = "{}" }` or `{ query = "key" }`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    header: Option<String>,
    format: Option<String>,
    query: Option<String>,
}

pub(super) fn apply(
    text: &str,
    built_in: &[Provider],
    read_anchors: &AnchorReader<'_>,
) -> Result<Vec<Provider>, Complaint> {
    let file: File = toml::from_str(text).map_err(|error| Complaint::of(text, &error))?;
    let mut table = built_in.to_vec();
    let mut seen = Vec::new();
    for row in file.providers {
        let id = row.id.get_ref().clone();
        let complain = |what: &str| Complaint::at(text, row.id.span(), what);
        if seen.contains(&id) {
            return Err(complain("this provider stands in the file twice; put its fields in one table"));
        }
        let Some(provider) = table.iter_mut().find(|provider| provider.transport.provider == id) else {
            return Err(complain("only built-in providers can be overridden: openai, google, jina, voyage"));
        };
        override_fields(text, provider, &row, read_anchors)?;
        seen.push(id);
    }
    Ok(table)
}

fn override_fields(
    text: &str,
    provider: &mut Provider,
    row: &Row,
    read_anchors: &AnchorReader<'_>,
) -> Result<(), Complaint> {
    let transport = &mut provider.transport;
    if let Some(allow_private) = row.allow_private {
        transport.allow_private = allow_private;
    }
    if let Some(url) = &row.base_url {
        let base = BaseUrl::parse(url.get_ref()).ok_or_else(|| {
            Complaint::at(
                text,
                url.span(),
                "base_url is https://HOST[:PORT][/PATH], without user, query and fragment",
            )
        })?;
        if base.scheme == Scheme::Http && !(transport.allow_private && base.is_loopback()) {
            let what = "http:// is only for a loopback host, and needs allow_private = true; use https://";
            return Err(Complaint::at(text, url.span(), what));
        }
        transport.scheme = base.scheme;
        transport.host = base.host;
        transport.port = base.port;
        provider.base_path = base.path;
    }
    if let Some(secs) = &row.connect_timeout_secs {
        transport.connect_timeout_ms = milliseconds(text, secs, 1)?;
    }
    if let Some(secs) = &row.idle_timeout_secs {
        transport.idle_timeout_ms = milliseconds(text, secs, 0)?;
    }
    if let Some(scrub) = row.scrub {
        transport.scrub = scrub;
    }
    if let Some(place) = &row.inject {
        provider.inject = place.get_ref().inject().map_err(|what| Complaint::at(text, place.span(), what))?;
    }
    if let Some(path) = &row.ca_file {
        provider.anchors =
            read_anchors(path.get_ref()).map_err(|what| Complaint::at(text, path.span(), &what))?;
    }
    Ok(())
}

/// Headers that are about the message or this hop: a value in their place would break both.
const RESERVED: [&str; 11] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "content-encoding",
];
/// Longest name or prefix.
const NAME_MAX: usize = 64;

impl Place {
    fn inject(&self) -> Result<Inject, &'static str> {
        match (&self.header, &self.format, &self.query) {
            (Some(header), format, None) => {
                let format = format.as_deref().unwrap_or("{}");
                let prefix = format.strip_suffix("{}").filter(|prefix| is_prefix(prefix));
                let name = header.to_ascii_lowercase();
                if !is_named(&name, b"!#$%&'*+-.^_`|~") || RESERVED.contains(&name.as_str()) {
                    return Err("inject.header is the name of a header that may hold a credential");
                }
                let prefix = prefix.ok_or(r#"inject.format ends in {}, as in "Bearer {}""#)?;
                Ok(Inject::Header { name, prefix: prefix.to_owned() })
            }
            (None, None, Some(name)) if is_named(name, b"-_.") => Ok(Inject::Query { name: name.clone() }),
            (None, None, Some(_)) => Err("inject.query is a name of letters, digits, -, _ and ."),
            (None, _, _) | (Some(_), _, Some(_)) => {
                Err(r#"inject is { header = "NAME", format = "Bearer {}" } or { query = "NAME" }"#)
            }
        }
    }
}

fn is_named(name: &str, marks: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// Nothing that could end the line, be trimmed off it or stand for a second value.
fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= NAME_MAX
        && !prefix.starts_with(' ')
        && prefix.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'{' | b'}'))
}

fn milliseconds(text: &str, secs: &Spanned<u32>, least: u32) -> Result<u32, Complaint> {
    if (least..=TIMEOUT_MAX_SECS).contains(secs.get_ref()) {
        return Ok(secs.get_ref() * 1000);
    }
    Err(Complaint::at(text, secs.span(), &format!("a timeout is {least} to {TIMEOUT_MAX_SECS} seconds")))
}

#[derive(Debug, PartialEq, Eq)]
struct BaseUrl {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// Without a final slash.
    path: String,
}

impl BaseUrl {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest, default_port) = match url.split_once("://")? {
            ("https", rest) => (Scheme::Https, rest, 443),
            ("http", rest) => (Scheme::Http, rest, 80),
            _ => return None,
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, ""),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = match port? {
            "" => default_port,
            digits => digits.parse().ok().filter(|port| *port != 0)?,
        };
        let path = path.trim_end_matches('/');
        if !path.is_empty() && !super::pattern::is_plain(path) {
            return None;
        }
        Some(Self { scheme, host: Host::parse(host).ok()?, port, path: path.to_owned() })
    }

    fn is_loopback(&self) -> bool {
        self.host.as_str() == "localhost" || self.host.address().is_some_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::super::providers::Providers;
    use super::*;

    fn with(text: &str) -> Providers {
        Providers::with_file(text, &|_| Ok(vec![vec![1]]))
    }

    #[test]
    fn a_base_url_moves_a_provider_and_keeps_its_routes() {
        let providers = with(
            "[[providers]]\nid = \"openai\"\nbase_url = \"https://gateway.corp.example/openai/\"\nca_file = \"/x\"\n",
        );
        assert_eq!(providers.refused, None);
        let openai = providers.find(&ProviderId::parse("openai").unwrap()).unwrap();
        assert_eq!(openai.transport.host, Host::parse("gateway.corp.example").unwrap());
        assert_eq!((openai.transport.port, openai.base_path.as_str()), (443, "/openai"));
        assert_eq!(openai.anchors, vec![vec![1]]);
        assert_eq!(openai.routes.len(), 3);
    }

    #[test]
    fn the_credentials_place_and_the_scrub_can_be_set() {
        let set = |rest: &str| {
            let providers = with(&format!("[[providers]]\nid = \"google\"\n{rest}\n"));
            assert_eq!(providers.refused, None);
            let google = providers.find(&ProviderId::parse("google").unwrap()).unwrap();
            (google.transport.scrub, google.inject.clone())
        };
        let header = |name: &str, prefix: &str| Inject::Header { name: name.into(), prefix: prefix.into() };
        assert_eq!(set(""), (true, header("x-goog-api-key", "")));
        assert!(!set("scrub = false").0);
        assert_eq!(set("inject = { query = \"key\" }").1, Inject::Query { name: "key".into() });
        assert_eq!(set("inject = { header = \"X-Key\" }").1, header("x-key", ""));
        let basic = set("inject = { header = \"authorization\", format = \"Key {}\" }").1;
        assert_eq!(basic, header("authorization", "Key "));
        for bad in [
            "{}",
            "{ format = \"{}\" }",
            "{ query = \"a b\" }",
            "{ query = \"\" }",
            "{ query = \"key\", format = \"{}\" }",
            "{ query = \"key\", header = \"a\" }",
            "{ header = \"Host\" }",
            "{ header = \"transfer-encoding\" }",
            "{ header = \"a:\" }",
            "{ header = \"a\", format = \"Bearer\" }",
            "{ header = \"a\", format = \"{}{}\" }",
            "{ header = \"a\", format = \"{} x\" }",
            "{ header = \"a\", format = \"x\\r\\ny: {}\" }",
            "{ cookie = \"a\" }",
        ] {
            let providers = with(&format!("[[providers]]\nid = \"google\"\ninject = {bad}\n"));
            assert!(providers.refused.is_some(), "{bad}");
        }
    }

    #[test]
    fn a_bad_file_refuses_itself_and_the_built_in_table_goes_on() {
        for text in [
            "nonsense",
            "[[providers]]\nid = \"acme\"\n",
            "[[providers]]\nid = \"openai\"\nbase_uri = \"x\"\n",
            "[[providers]]\nid = \"openai\"\nbase_url = \"ftp://x\"\n",
            "[[providers]]\nid = \"openai\"\nbase_url = \"https://user@host/\"\n",
            "[[providers]]\nid = \"openai\"\nbase_url = \"https://host/?a\"\n",
            "[[providers]]\nid = \"openai\"\nbase_url = \"http://localhost:1/\"\n",
            "[[providers]]\nid = \"openai\"\nbase_url = \"http://example.com/\"\nallow_private = true\n",
            "[[providers]]\nid = \"openai\"\nconnect_timeout_secs = 0\n",
            "[[providers]]\nid = \"openai\"\n[[providers]]\nid = \"openai\"\n",
        ] {
            let providers = with(text);
            assert!(providers.refused.is_some(), "{text}");
            assert!(providers.iter().eq(Providers::built_in().iter()), "{text}");
        }
    }

    #[test]
    fn urls_with_ports_and_addresses() {
        let parse = |url| BaseUrl::parse(url).map(|base| (base.host.to_string(), base.port, base.path));
        assert_eq!(parse("https://[::1]:8443/a"), Some(("::1".into(), 8443, "/a".into())));
        assert_eq!(parse("https://127.0.0.1"), Some(("127.0.0.1".into(), 443, String::new())));
        assert_eq!(parse("https://x:0/"), None);
        assert_eq!(parse("https://x:70000/"), None);
        assert_eq!(parse("https:///a"), None);
    }
}
