//! Configuration files of programs, looked through for credentials: TOML, YAML, JSON and `.env` alike,
//! line by line, so that one with a mistake in it is looked through too. What is found is told by its
//! place and sort; the text stays in locked memory, and no part of a value leaves this module.

mod document;
mod items;
mod language;
mod line;
mod place;
mod scalar;
mod sorts;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use proto::name::Handle;

use super::in_place;
use line::Extent;
use place::Place;

pub(crate) use document::{Credential, Document};
pub(crate) use language::Language;
pub(crate) use sorts::Sort;

/// The longest file that is looked through.
const FILE_MAX: usize = 1024 * 1024;

/// Something that is a credential, or stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The key it belongs to, if that is a name and no value.
    pub(crate) key: Option<String>,
    /// In which table or below which key, as far as the lines tell.
    pub(crate) section: Section,
    pub(crate) source: Source,
    spot: Spot,
}

/// Where it stands, by bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    key: Option<Range<usize>>,
    text: Range<usize>,
    extent: Extent,
    /// The key above it.
    parent: Option<String>,
    /// All keys of one group have this number.
    group: usize,
    /// What its instance says of itself.
    sort: Option<String>,
}

/// Where a program would take it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The broker.
    Reference(Handle),
    /// A reference that is none.
    BadReference,
    /// A variable of the environment.
    Variable,
    /// The file.
    Plain(Sort),
}

/// What a line belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Section {
    /// `[llm.instances.NAME]`.
    Instance(String),
    /// An entry of `[[plugins]]`, with its id if that came before.
    Plugin(Option<String>),
    /// Anything else.
    #[default]
    Other,
}

/// Looks through a file.
///
/// # Errors
/// It cannot be read, or is too long, or there is no locked memory for it.
#[expect(clippy::disallowed_methods, reason = "INV-02: the text is looked at where it lies")]
pub(crate) fn look_through(path: &Path) -> io::Result<Vec<Finding>> {
    Ok(look(in_place::read(path, FILE_MAX)?.expose()))
}

fn look(text: &[u8]) -> Vec<Finding> {
    let (mut found, mut table, mut place): (Vec<Finding>, _, _) =
        (Vec::new(), Section::default(), Place::default());
    let mut sorts: BTreeMap<String, String> = BTreeMap::new();
    let range = |part: &str| {
        let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        start..start.saturating_add(part.len())
    };
    for (number, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        // What is no text is nobody's configuration; other lines may be.
        let Ok(whole) = str::from_utf8(bytes) else { continue };
        let line = whole.trim();
        table = line::section(line).unwrap_or(table);
        place.enter(whole);
        if let (Section::Plugin(id), Some(new)) = (&mut table, line::id(line)) {
            *id = Some(new);
        }
        let section = match place.instance() {
            Some(name) => Section::Instance(name.to_owned()),
            None => table.clone(),
        };
        if let (Section::Instance(name), Some(sort)) = (&section, line::sort_of_instance(line)) {
            sorts.insert(name.clone(), sort.to_owned());
        }
        found.extend(line::findings(line, &section).into_iter().map(|hit| Finding {
            line: number + 1,
            key: hit.key,
            section: section.clone(),
            source: hit.source,
            spot: Spot {
                key: hit.stands.map(range),
                text: range(hit.text),
                extent: hit.extent,
                parent: place.parent().map(str::to_owned),
                group: place.number(),
                sort: None,
            },
        }));
    }
    for finding in &mut found {
        if let Section::Instance(name) = &finding.section {
            finding.spot.sort = sorts.get(name).cloned();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<(usize, Source)> {
        look(text.as_bytes()).into_iter().map(|found| (found.line, found.source)).collect()
    }

    fn plain(text: &str) -> bool {
        look(text.as_bytes()).iter().any(|found| matches!(found.source, Source::Plain(_)))
    }

    #[test]
    fn plain_text_is_found_in_every_shape() {
        for text in [
            "[llm.instances.openai]\napi_key = \"sk-abcdefghijklmnop\"",
            "OPENAI_API_KEY=abcdefghijklmnop",
            "export DB_PASSWORD='hunter2hunter2'",
            "services:\n  web:\n    environment:\n      - SECRET_KEY=abcdefghij",
            "password: correct-horse",
            "{ \"clientSecret\": \"abcdefghijkl\", \"x\": 1 }",
            "{\"args\": [\"--token\", \"abcdefghij\"]}",
            "args = [\"--api-key=abcdefghij\"]",
            "url = \"https://x.example/v1?key=abcdefghij&a=b\"",
            "url: https://user:hunter2hunter2@x.example/",
            "anything = \"ghp_abcdefghijklmnopqrstuvwxyz0123456789\"",
            "x: AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
            "# old: xoxb-123456789012-abcdefghijkl",
            "-----BEGIN RSA PRIVATE KEY-----",
            "http_headers = { Authorization = \"Bearer abcdefghijklmnop\" }",
        ] {
            assert!(plain(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_credential_is_left_alone() {
        for text in [
            "max_tokens = 4096",
            "token_limit: 100",
            "password_file = \"/run/secrets/x\"",
            "api_key = \"\"",
            "api_key: null",
            "api_key = \"<your key here>\"",
            "api_key_ref = \"@openai_api_key\"",
            "OPENAI_API_KEY=$OTHER",
            "api_key: ${OPENAI_API_KEY}",
            "KEY=@openai_api_key",
            "sort_key = \"name\"",
            "task-master = true",
            "description = \"how to get a token: see the docs\"",
            "url = \"https://x.example/?monkey=banana\"",
            "secret: true",
            "token:",
        ] {
            assert!(!plain(text), "{text}: {:?}", sources(text));
        }
    }

    #[test]
    fn references_are_told_with_what_they_belong_to() {
        let text = "[llm.instances.openai]\napi_key_ref = \"@a\"\n[llm.instances.b] # more\napi_key_ref = 'b'\n\
                    [[plugins]]\nid = \"my-plugin\"\nsecret_env_refs = { \"T\" = \"@c\", U = \"@d\" }\n\
                    [other]\nX = \"@No Handle\"\napi_key_ref = \"No Handle\"\n";
        let found = look(text.as_bytes());
        let handle = |name: &str| Source::Reference(Handle::parse(name).unwrap());
        let sources: Vec<_> = found.iter().map(|found| (found.line, found.source.clone())).collect();
        assert_eq!(
            sources,
            [
                (2, handle("@a")),
                (4, handle("@b")),
                (7, handle("@c")),
                (7, handle("@d")),
                (10, Source::BadReference),
            ]
        );
        assert_eq!(found[0].section, Section::Instance("openai".to_owned()));
        assert_eq!(found[1].section, Section::Instance("b".to_owned()));
        assert_eq!(found[2].section, Section::Plugin(Some("my-plugin".to_owned())));
        assert_eq!(found[2].key.as_deref(), Some("T"));
    }
}
