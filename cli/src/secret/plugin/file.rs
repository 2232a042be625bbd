//! `plugins.toml`: which programs run, what each gets, and what it may use. Whoever can write it is given
//! the values it names, so nobody else may. A mistake is told by its place, and nothing of the text
//! repeated: a value may have been typed there.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use proto::failure::{Failure, FailureClass};
use proto::loan::LOAN_MAX;
use proto::name::{Consumer, Handle};
use serde::Deserialize;
use toml::Spanned;
use unix::owned::{self, Privacy};

use super::limits::{Limits, LimitsWritten, limits};
use crate::secret::exec::variables::check_name;

/// The format there is.
const SCHEMA: u32 = 1;
/// More than any such file needs.
const SIZE_MAX: u64 = 1024 * 1024;

/// A program that is looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plugin {
    pub(super) id: String,
    /// `plugin:ID`.
    pub(super) consumer: Consumer,
    pub(super) kind: Option<String>,
    pub(super) is: Is,
    pub(super) command: Vec<OsString>,
    pub(super) directory: Option<PathBuf>,
    /// Variables of our own environment that it gets.
    pub(super) plain: Vec<String>,
    pub(super) secrets: Vec<(String, Handle)>,
    pub(super) on_rotate: OnRotate,
    pub(super) limits: Limits,
}

/// Whether it is to run unless it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Enabled,
    Disabled,
}

/// What a new version of one of its secrets does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnRotate {
    Restart,
    Nothing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema_version: Spanned<u32>,
    #[serde(default)]
    plugins: Vec<Spanned<PluginWritten>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginWritten {
    id: Spanned<String>,
    kind: Option<String>,
    enabled: Option<bool>,
    command: Spanned<String>,
    #[serde(default)]
    args: Vec<String>,
    directory: Option<PathBuf>,
    #[serde(default)]
    env_refs: Vec<Spanned<String>>,
    #[serde(default)]
    secret_env_refs: BTreeMap<Spanned<String>, Spanned<String>>,
    restart_on_rotate: Option<bool>,
    limits: Option<Spanned<LimitsWritten>>,
    /// For the program that talks to plugins; nothing here reads it.
    #[serde(rename = "routing")]
    _routing: Option<toml::Table>,
}

/// What is wrong, and at which byte.
pub(super) type Mistake = (usize, &'static str);

/// Reads it.
pub(super) fn read(path: &Path) -> Result<Vec<Plugin>, Failure> {
    let shown = path.display();
    let unread = |why: &dyn std::fmt::Display| {
        let what = format!("{shown} could not be read: {why}");
        Failure::new(
            FailureClass::Config,
            what,
            "name another with --config, or write it: see plugins.toml of the package",
        )
    };
    let options = File::options().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path);
    let file = options.map_err(|error| match owned::file(path, Privacy::NotWritableByOthers) {
        Err(wrong) if path.symlink_metadata().is_ok() => wrong.failure(path),
        Err(_) | Ok(()) => unread(&error),
    })?;
    owned::opened(&file, Privacy::NotWritableByOthers).map_err(|wrong| wrong.failure(path))?;
    let mut text = String::new();
    let length = file.take(SIZE_MAX + 1).read_to_string(&mut text).map_err(|error| unread(&error))?;
    if length as u64 > SIZE_MAX {
        return Err(unread(&"it is longer than 1 MiB"));
    }
    parse(&text).map_err(|(offset, what)| {
        let before = text.get(..offset).unwrap_or(&text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let hint = "ugent secret plugin run --help   (shows what stands in it)";
        Failure::new(
            FailureClass::Config,
            format!("{shown}:{line}:{column}: {what}; nothing was started"),
            hint,
        )
    })
}

fn parse(text: &str) -> Result<Vec<Plugin>, Mistake> {
    let written: Written = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let what = match error.message() {
            message if message.starts_with("unknown field") => "there is no such field",
            message if message.starts_with("missing field") => {
                "a field is missing: schema_version, id or command"
            }
            message if message.starts_with("invalid type") => "it has another type than it may have",
            _ => "it is not TOML, or has a value it cannot have",
        };
        (at, what)
    })?;
    if *written.schema_version.get_ref() != SCHEMA {
        return Err((
            written.schema_version.span().start,
            "schema_version is not 1, the only one known here",
        ));
    }
    let mut ids = BTreeSet::new();
    let mut plugins = Vec::new();
    for written in written.plugins {
        let at = written.get_ref().id.span().start;
        let plugin = plugin(written.into_inner())?;
        if !ids.insert(plugin.id.clone()) {
            return Err((at, "another plugin has this id"));
        }
        plugins.push(plugin);
    }
    Ok(plugins)
}

fn plugin(written: PluginWritten) -> Result<Plugin, Mistake> {
    let (id_at, id) = (written.id.span().start, written.id.into_inner());
    let consumer = Consumer::parse(&format!("plugin:{id}"))
        .map_err(|_| (id_at, "an id has lower-case letters, digits, `_`, `-` and `.`"))?;
    let at = written.command.span().start;
    let command: Vec<String> = [written.command.into_inner()].into_iter().chain(written.args).collect();
    if command.first().is_none_or(String::is_empty) || command.iter().any(|word| word.contains('\0')) {
        return Err((at, "command is empty, or a NUL is in it or in args"));
    }
    let mut names = BTreeSet::new();
    let mut known = |name: &Spanned<String>| {
        let at = name.span().start;
        check_name(name.get_ref()).map_err(|what| match what.contains("UGENT_SECRETS_") {
            true => (at, "a variable begins with UGENT_SECRETS_, and those reach no program"),
            false => (at, "a variable is no name: letters, digits and `_`, and no digit at its start"),
        })?;
        if names.insert(name.get_ref().clone()) { Ok(()) } else { Err((at, "a variable is named twice")) }
    };
    written.env_refs.iter().try_for_each(&mut known)?;
    let mut secrets = Vec::new();
    for (name, handle) in written.secret_env_refs {
        known(&name)?;
        let text = handle.get_ref();
        let whole = if text.starts_with('@') { text.clone() } else { format!("@{text}") };
        let parsed = Handle::parse(&whole).map_err(|_| {
            (
                handle.span().start,
                "a value of secret_env_refs is no @NAME; it may be a key in the wrong place",
            )
        })?;
        secrets.push((name.into_inner(), parsed));
    }
    if secrets.len() > LOAN_MAX {
        return Err((id_at, "a plugin has at most 256 secrets"));
    }
    Ok(Plugin {
        consumer,
        kind: written.kind,
        is: if written.enabled.unwrap_or(true) { Is::Enabled } else { Is::Disabled },
        command: command.into_iter().map(OsString::from).collect(),
        directory: written.directory,
        plain: written.env_refs.into_iter().map(Spanned::into_inner).collect(),
        secrets,
        on_rotate: if written.restart_on_rotate.unwrap_or(false) {
            OnRotate::Restart
        } else {
            OnRotate::Nothing
        },
        limits: limits(written.limits)?,
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_plugin_is_read_and_an_empty_one_has_defaults() {
        let text = "schema_version = 1\n[[plugins]]\nid = \"a-b\"\nkind = \"tool\"\nenabled = false\n\
                    command = \"/bin/x\"\nargs = [\"-v\"]\nenv_refs = [\"PATH\"]\n\
                    secret_env_refs = { \"T\" = \"@c\", U = \"d\" }\nrestart_on_rotate = true\n\
                    limits = { memory_mib = 2, max_failures = 1 }\nrouting = { x = [1] }\n\
                    [[plugins]]\nid = \"c\"\ncommand = \"y\"\n";
        let plugins = parse(text).unwrap();
        let [first, second] = plugins.as_slice() else { panic!("two") };
        assert_eq!(first.consumer.as_str(), "plugin:a-b");
        assert_eq!((first.is, first.on_rotate), (Is::Disabled, OnRotate::Restart));
        assert_eq!(first.secrets.len(), 2);
        assert_eq!((first.limits.memory, first.limits.failures), (Some(2 * 1024 * 1024), 1));
        assert_eq!(
            (second.is, second.on_rotate, second.limits.failures),
            (Is::Enabled, OnRotate::Nothing, 5)
        );
    }

    #[test]
    fn a_mistake_is_told_by_its_place_and_refuses_the_whole_file() {
        let one = "schema_version = 1\n[[plugins]]\nid = \"a\"\ncommand = \"x\"\n";
        for (text, piece) in [
            ("[[plugins]]\nid = \"a\"\ncommand = \"x\"\n".to_owned(), "missing"),
            ("schema_version = 2\n".to_owned(), "schema_version"),
            (format!("{one}colour = 1\n"), "no such field"),
            (format!("{one}args = \"sk-x\"\n"), "type"),
            (format!("{one}env_refs = [\"A\", \"A\"]\n"), "twice"),
            (format!("{one}env_refs = [\"1A\"]\n"), "no name"),
            (format!("{one}env_refs = [\"UGENT_SECRETS_PASSPHRASE\"]\n"), "UGENT_SECRETS_"),
            (format!("{one}secret_env_refs = {{ A = \"sk 1\" }}\n"), "no @NAME"),
            (format!("{one}env_refs = [\"A\"]\nsecret_env_refs = {{ A = \"@x\" }}\n"), "twice"),
            (format!("{one}limits = {{ max_failures = 0 }}\n"), "max_failures"),
            (format!("{one}limits = {{ grace_secs = 1000 }}\n"), "grace_secs"),
            (format!("{one}[[plugins]]\nid = \"a\"\ncommand = \"x\"\n"), "this id"),
            (one.replace("\"a\"", "\"A B\""), "an id"),
            (one.replace("\"x\"", "\"\""), "command"),
            ("schema_version = ".to_owned(), "TOML"),
        ] {
            let (_, told) = parse(&text).unwrap_err();
            assert!(told.contains(piece) && !told.contains("sk"), "{text}: {told}");
        }
    }
}
