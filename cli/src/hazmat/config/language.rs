//! Which language a configuration is in, and why a text of it stays where it is.

use std::fmt;
use std::path::Path;

/// Which language a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Toml,
    Yaml,
    Json,
    Env,
}

impl Language {
    /// By a file's name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("toml") => Some(Self::Toml),
            Some("yaml" | "yml") => Some(Self::Yaml),
            Some("json") => Some(Self::Json),
            Some("env" | "envrc") => Some(Self::Env),
            Some(_) | None => (name == ".env" || name.starts_with(".env.")).then_some(Self::Env),
        }
    }

    /// By its own name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "toml" => Some(Self::Toml),
            "yaml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "env" => Some(Self::Env),
            _ => None,
        }
    }
}

/// Why a text stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stays {
    /// It is in a comment.
    Comment,
    /// It is only a part of a text.
    Part,
    /// No key is right before it.
    NoKey,
    /// A reference is there besides.
    Referenced,
    /// It is written with escapes we do not read.
    Escapes,
    /// It is not written as its language writes texts, or over several lines.
    Form,
    /// It is longer than any value.
    Long,
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comment => "it is in a comment: remove it",
            Self::Part => "it is a part of a text, where no reference can stand",
            Self::NoKey => "no key is before it, so that nothing can tell what it is for",
            Self::Referenced => "there is an api_key_ref beside it, which wins: remove it",
            Self::Escapes => "it is written with escapes: write it without them",
            Self::Form => "it is not one text between quotes on one line",
            Self::Long => "it is longer than 64 KiB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_a_files_name() {
        for (name, language) in [
            ("a.toml", Some(Language::Toml)),
            ("docker-compose.yml", Some(Language::Yaml)),
            ("A.JSON", Some(Language::Json)),
            (".env", Some(Language::Env)),
            (".env.local", Some(Language::Env)),
            ("prod.env", Some(Language::Env)),
            ("config", None),
            ("x.ini", None),
        ] {
            assert_eq!(Language::of(Path::new(name)), language, "{name}");
        }
    }
}
