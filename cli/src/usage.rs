//! The command line: parsed by clap, with errors in our own words.
//!
//! clap repeats what was typed in its errors, and what was typed in the wrong place may be a key.
//! So of its errors only what stands in our own definitions is shown: usage, names of options,
//! suggestions. Exit code 64.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};
use proto::failure::{Failure, FailureClass};
use proto::name::near::distance;

use crate::ending::Halt;

/// The most edits between what was typed and what may have been meant.
const NEAR: usize = 2;
/// The longest text that is taken for an option's name, and repeated: keys are longer.
const OPTION_MAX: usize = 20;

/// Parses the command line of this process. Help and version are printed, and end the program.
pub(crate) fn parse<P: Parser>() -> Result<P, Halt> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    refuse_value(&typed)?;
    P::try_parse_from(&typed).map_err(|error| halt(&error, &help(&P::command(), &typed)))
}

/// A mistake on the command line that clap cannot know of.
pub(crate) fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Usage, what, hint)
}

/// There is no `--value`, and who tries must learn that the value is no longer theirs alone.
fn refuse_value(typed: &[OsString]) -> Result<(), Failure> {
    let is_value = |word: &OsString| word == "--value" || word.as_encoded_bytes().starts_with(b"--value=");
    if !typed.iter().take_while(|word| *word != "--").any(is_value) {
        return Ok(());
    }
    Err(wrong(
        "there is no --value: values come by stdin only, since other programs can read a command line",
        "ugent secret add @NAME --stdin < FILE; replace the value you have typed, it is in your shell's history",
    ))
}

/// The command line that shows the help of the command that was typed, as far as there is such a one.
fn help(whole: &Command, typed: &[OsString]) -> String {
    let mut path = vec![whole.get_name()];
    let mut command = whole;
    for word in typed.iter().skip(1) {
        if let Some(found) = command.find_subcommand(word) {
            path.push(found.get_name());
            command = found;
        }
    }
    format!("{} --help", path.join(" "))
}

fn halt(error: &clap::Error, help: &str) -> Halt {
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match write!(io::stdout(), "{}", error.render()) {
            Ok(()) => Halt::Said(0),
            Err(error) => Halt::from(error),
        };
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = write!(io::stderr(), "{}", error.render());
        return Halt::Said(FailureClass::Usage.exit_code());
    }
    Halt::Failed(wrong(said(kind, error), hint(kind, error, help)))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "clap's kinds are open-ended, and the last arm says nothing of them"
)]
fn said(kind: ErrorKind, error: &clap::Error) -> String {
    let ours = texts(error, ContextKind::InvalidArg).join(" ");
    match kind {
        ErrorKind::InvalidSubcommand => "there is no such command".to_owned(),
        ErrorKind::MissingSubcommand => "a command is missing".to_owned(),
        // Here the argument is what was typed, not what we have defined.
        ErrorKind::UnknownArgument => match option_name(&ours) {
            Some(name) => format!("this command has no option {name}"),
            None => "there is an argument that this command does not take".to_owned(),
        },
        ErrorKind::MissingRequiredArgument => format!("{ours} is missing"),
        // An option at the end, or before another: clap has seen a value of nothing.
        ErrorKind::InvalidValue if texts(error, ContextKind::InvalidValue).concat().is_empty() => {
            format!("{ours} needs a value")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("{ours} has a value it cannot have"),
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{ours} needs a value")
        }
        ErrorKind::TooManyValues => format!("{ours} has too many values"),
        ErrorKind::ArgumentConflict => match texts(error, ContextKind::PriorArg).join(", ") {
            other if other.is_empty() || other == ours => format!("{ours} cannot be given twice"),
            other => format!("{ours} cannot be given together with {other}"),
        },
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => "the command line is not understood".to_owned(),
    }
}

/// The name of an option as it was typed, if it can be no more than that: `--`, letters and dashes,
/// and too short for a key.
fn option_name(typed: &str) -> Option<&str> {
    let name = typed.split('=').next()?;
    let word = name.strip_prefix("--")?;
    let plain = word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (plain && name.len() <= OPTION_MAX).then_some(name)
}

fn hint(kind: ErrorKind, error: &clap::Error, help: &str) -> String {
    let typed = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg]
        .into_iter()
        .flat_map(|kind| texts(error, kind))
        .next()
        .unwrap_or_default();
    let typed = typed.split('=').next().unwrap_or_default();
    let near: Vec<String> = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg]
        .into_iter()
        .flat_map(|kind| texts(error, kind))
        .filter(|known| distance(typed, known) <= NEAR)
        .chain(texts(error, ContextKind::SuggestedValue))
        .collect();
    if !near.is_empty() {
        return format!("did you mean {}?", near.join(" or "));
    }
    if kind == ErrorKind::InvalidSubcommand {
        return help.to_owned();
    }
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let usage = usage.split_whitespace().collect::<Vec<_>>().join(" ");
    if usage.is_empty() { help.to_owned() } else { usage.replacen("Usage: ", "usage: ", 1) }
}

/// Texts of an error that come from our definitions. The caller knows that they do.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(_) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_no_more_than_a_name_is_repeated() {
        assert_eq!(option_name("--nonsense"), Some("--nonsense"));
        assert_eq!(option_name("--token=sk-abc"), Some("--token"));
        for typed in ["-x", "sk-abc", "--", "---", "--AKIA", "--sk-0123", "--a-word-far-longer-than-names"] {
            assert_eq!(option_name(typed), None, "{typed}");
        }
    }
}
