//! Which variables the child is to have: `--env`, and files of them. A text that should be a reference
//! and is none is never repeated: it may be a value that was typed in its place.

use std::collections::BTreeSet;
use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use crate::usage::wrong;

/// Variables of this program's own: they reach nobody.
pub(super) const OURS: &str = "UGENT_SECRETS_";
/// The longest file of variables.
const FILE_MAX: u64 = 1024 * 1024;
/// The longest name that is repeated in an error.
const NAME_MAX: usize = 128;

/// A variable of the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) source: Source,
}

/// What it is to have.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The value of a secret.
    Secret(Handle),
    /// A text that stands in a file.
    Plain(String),
}

/// What stands in a file may be a value all the same.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(handle) => write!(f, "{handle}"),
            Self::Plain(_) => f.write_str("a text"),
        }
    }
}

/// All variables: those of the files, in their order, then those of the options.
pub(super) fn all(options: &[String], files: &[impl AsRef<Path>]) -> Result<Vec<Variable>, Failure> {
    let mut all = Vec::new();
    for path in files {
        all.extend(of_file(path.as_ref())?);
    }
    for option in options {
        all.push(of_option(option)?);
    }
    let mut names = BTreeSet::new();
    match all.iter().find(|variable| !names.insert(variable.name.as_str())) {
        None => Ok(all),
        Some(twice) => {
            Err(wrong(format!("{} is given twice", shown(&twice.name)), "name each variable once"))
        }
    }
}

fn of_option(text: &str) -> Result<Variable, Failure> {
    const FORM: &str = "as in: --env OPENAI_API_KEY=@openai_api_key";
    let Some((name, reference)) = text.split_once('=') else {
        return Err(wrong("--env takes VAR=@NAME, and got no `=`", FORM));
    };
    check_name(name).map_err(|what| wrong(format!("--env has a variable that {what}"), FORM))?;
    let name = name.to_owned();
    if !reference.starts_with('@') {
        let what = format!(
            "--env {} has no @NAME behind its `=`: a value has no place on a command line",
            shown(&name)
        );
        return Err(wrong(what, "ugent secret add @NAME --stdin < FILE; then --env VAR=@NAME"));
    }
    let source = Source::Secret(super::super::handle(reference)?);
    Ok(Variable { name, source })
}

fn of_file(path: &Path) -> Result<Vec<Variable>, Failure> {
    let unread = |error: &dyn std::fmt::Display| {
        let what = format!("{} could not be read: {error}", path.display());
        Failure::new(FailureClass::BadInput, what, "name a file of VAR=@NAME and VAR=text lines")
    };
    let meta = std::fs::metadata(path).map_err(|error| unread(&error))?;
    if meta.len() > FILE_MAX {
        return Err(unread(&"it is longer than 1 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unread(&error))?;
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let found = of_line(line).map_err(|what| {
            let what = format!("{}:{}: {what}", path.display(), number + 1);
            Failure::new(
                FailureClass::BadInput,
                what,
                "as in: OPENAI_API_KEY=@openai_api_key, or: MODE='@text'",
            )
        })?;
        variables.extend(found);
    }
    Ok(variables)
}

/// `VAR=@name`, `VAR=text`, `VAR="text"`, `VAR='text'`, each with `export` before it or not; nothing in an
/// empty line and in one that begins with `#`. Nothing is expanded, and what is quoted is never a
/// reference.
fn of_line(line: &str) -> Result<Option<Variable>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, text) = line.split_once('=').ok_or("a line has no `=`")?;
    check_name(name).map_err(|what| format!("a variable {what}"))?;
    let source = match text.as_bytes() {
        [quote @ (b'"' | b'\''), .., last] if quote == last => {
            Source::Plain(text.get(1..text.len() - 1).unwrap_or_default().to_owned())
        }
        [b'@', ..] => {
            let handle = Handle::parse(text);
            Source::Secret(handle.map_err(|error| format!("{} is {error}", shown(name)))?)
        }
        _ => Source::Plain(text.to_owned()),
    };
    if matches!(&source, Source::Plain(text) if text.contains('\0')) {
        return Err("a NUL byte can be in no variable".to_owned());
    }
    Ok(Some(Variable { name: name.to_owned(), source }))
}

/// A name as shells have it (POSIX, "Name"), which is what every program can read.
fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("is no name: letters, digits and _ can be in one, and no digit at its start");
    }
    if name.starts_with(OURS) {
        return Err("begins with UGENT_SECRETS_, and those never reach a program");
    }
    Ok(())
}

/// A name that was checked, unless it is too long for one that somebody has thought of.
fn shown(name: &str) -> &str {
    if name.len() <= NAME_MAX { name } else { "a variable" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Option<Variable> {
        of_line(text).unwrap()
    }

    fn plain(name: &str, text: &str) -> Option<Variable> {
        Some(Variable { name: name.to_owned(), source: Source::Plain(text.to_owned()) })
    }

    #[test]
    fn a_file_mixes_references_and_texts() {
        let secret = Source::Secret(Handle::parse("@openai_api_key").unwrap());
        assert_eq!(
            line("KEY=@openai_api_key"),
            Some(Variable { name: "KEY".to_owned(), source: secret.clone() })
        );
        assert_eq!(
            line("  export KEY=@openai_api_key  "),
            Some(Variable { name: "KEY".to_owned(), source: secret })
        );
        assert_eq!(line("MODE=fast # and good"), plain("MODE", "fast # and good"));
        assert_eq!(line("MODE='@openai_api_key'"), plain("MODE", "@openai_api_key"));
        assert_eq!(line("MODE=\"a b\""), plain("MODE", "a b"));
        assert_eq!(line("MODE="), plain("MODE", ""));
        assert_eq!(line("URL=http://x/?a=b"), plain("URL", "http://x/?a=b"));
        assert_eq!(line("# KEY=@x"), None);
        assert_eq!(line("   "), None);
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        for text in
            ["sk-0123456789", "sk-0=@x", "1A=@x", "A B=@x", "=@x", "KEY=@sk 0123", "UGENT_SECRETS_X=@x"]
        {
            let told = of_line(text).unwrap_err();
            assert!(!told.contains("sk"), "{told}");
        }
        for text in ["KEY=sk-0123456789", "sk-0123456789", "sk-0=@x", "KEY=", "KEY=@sk 0123"] {
            let told = of_option(text).unwrap_err().to_string();
            assert!(!told.contains("sk"), "{told}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let twice = ["A=@x".to_owned(), "B=@x".to_owned(), "A=@y".to_owned()];
        assert!(all(&twice[..2], &[] as &[&Path]).is_ok(), "one secret may go to two variables");
        assert!(all(&twice, &[] as &[&Path]).unwrap_err().what.contains('A'));
    }
}
