//! `inject` of `secrets.providers.toml`: where in a request the credential goes. Nothing is accepted
//! that could end a line, frame a message or name a second place.

use proto::lease_lane::Inject;

/// `{ header = "x-key", format = "{}" }` or `{ query = "key" }`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    header: Option<String>,
    format: Option<String>,
    query: Option<String>,
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
    /// The place, or what is wrong with it.
    pub(super) fn inject(&self) -> Result<Inject, &'static str> {
        match (&self.header, &self.format, &self.query) {
            (Some(header), format, None) => {
                let format = format.as_deref().unwrap_or("{}");
                let prefix = format.strip_suffix("{}").filter(|prefix| is_prefix(prefix));
                let name = header.to_ascii_lowercase();
                if !is_credential_header(&name) {
                    return Err("inject.header is the name of a header that may hold a credential");
                }
                let prefix = prefix.ok_or(r#"inject.format ends in {}, as in "Bearer {}""#)?;
                Ok(Inject::Header { name, prefix: prefix.to_owned() })
            }
            (None, None, Some(name)) if is_query_name(name) => Ok(Inject::Query { name: name.clone() }),
            (None, None, Some(_)) => Err("inject.query is a name of letters, digits, -, _ and ."),
            (None, _, _) | (Some(_), _, Some(_)) => {
                Err(r#"inject is { header = "NAME", format = "Bearer {}" } or { query = "NAME" }"#)
            }
        }
    }
}

/// Whether a header of that name, in lower case, may hold a credential.
pub(super) fn is_credential_header(name: &str) -> bool {
    is_named(name, b"!#$%&'*+-.^_`|~") && !RESERVED.contains(&name)
}

/// Whether a pair of the query may have that name.
pub(super) fn is_query_name(name: &str) -> bool {
    is_named(name, b"-_.")
}

fn is_named(name: &str, marks: &[u8]) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

/// Nothing that could end the line, be trimmed off it, or part the value from one before it.
fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= NAME_MAX
        && !prefix.starts_with(' ')
        && prefix
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'{' | b'}' | b',' | b';'))
}

#[cfg(test)]
mod tests {
    use proto::name::ProviderId;

    use super::super::providers::Providers;
    use super::*;

    fn with(text: &str) -> Providers {
        Providers::with_file(text, &|_| Ok(vec![vec![1]]))
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
            "{ header = \"a\", format = \"x, Bearer {}\" }",
            "{ header = \"a\", format = \"x;{}\" }",
            "{ header = \"a\", format = \"{} x\" }",
            "{ header = \"a\", format = \"x\\r\\ny: {}\" }",
            "{ cookie = \"a\" }",
        ] {
            let providers = with(&format!("[[providers]]\nid = \"google\"\ninject = {bad}\n"));
            assert!(providers.refused.is_some(), "{bad}");
        }
    }
}
