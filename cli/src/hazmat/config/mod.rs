//! Configuration files of programs, looked through for credentials: TOML, YAML, JSON and `.env` alike,
//! line by line, so that one with a mistake in it is looked through too. What is found is told by its
//! place and sort; the text stays in locked memory, and no part of a value leaves this module.

mod line;
mod sorts;

use std::fs::File;
use std::io;
use std::path::Path;

use proto::hazmat::Room;
use proto::name::Handle;

pub(crate) use sorts::Sort;

/// The longest file that is looked through.
const FILE_MAX: u64 = 1024 * 1024;

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
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > FILE_MAX {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut text = Room::zeroed(length).map_err(io::Error::other)?;
    let mut filled = 0;
    while let Some(rest) = text.expose_mut().get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match nix::unistd::read(&file, rest) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(look(text.expose().get(..filled).unwrap_or_default()))
}

fn look(text: &[u8]) -> Vec<Finding> {
    let (mut found, mut section) = (Vec::new(), Section::default());
    for (number, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        // What is no text is nobody's configuration; other lines may be.
        let Ok(line) = str::from_utf8(bytes) else { continue };
        let line = line.trim();
        section = line::section(line).unwrap_or(section);
        if let (Section::Plugin(id), Some(new)) = (&mut section, line::id(line)) {
            *id = Some(new);
        }
        let here = line::findings(line, &section);
        found.extend(here.into_iter().map(|(key, source)| Finding {
            line: number + 1,
            key,
            section: section.clone(),
            source,
        }));
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
