//! Manual pages and completions, made from the same definitions as the command line and its help, so
//! that they cannot say anything else. Opens nothing of a home, and knows of no value.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::launch::SecretBroker;
use crate::secret::Ugent;

/// What definitions do not say: files, environment, exit codes.
const UGENT_SECRET: &str = include_str!("ugent-secret.roff");
const SECRET_BROKER: &str = include_str!("secret-broker.roff");

/// One page.
pub(crate) struct Page {
    /// As in `ugent-secret-add`.
    pub(crate) name: String,
    /// Of the manual: 1 for commands, 8 for daemons.
    pub(crate) section: &'static str,
    command: Command,
    more: &'static str,
}

/// All of them, those of commands in the order of the help.
pub(crate) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    let ugent = built(Ugent::command());
    for secret in ugent.get_subcommands() {
        enter(secret, &mut pages);
    }
    pages.push(Page {
        name: "secret-broker".to_owned(),
        section: "8",
        command: built(SecretBroker::command()),
        more: SECRET_BROKER,
    });
    pages
}

/// The command line of `ugent`, for completions.
pub(crate) fn ugent() -> Command {
    Ugent::command()
}

/// `help` is a word of the help, and no page of its own.
fn built(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
}

fn enter(command: &Command, pages: &mut Vec<Page>) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let more = if name == "ugent-secret" { UGENT_SECRET } else { "" };
    pages.push(Page { name, section: "1", command: command.clone(), more });
    for below in command.get_subcommands() {
        enter(below, pages);
    }
}

impl Page {
    /// Its file's name.
    pub(crate) fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    /// What is typed, in one line.
    fn usage(&self) -> String {
        let usage = self.command.clone().render_usage().to_string();
        usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Writes it, in the man(7) macros.
    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let man = Man::new(self.command.clone());
        let version = concat!("UGENT Vault ", env!("CARGO_PKG_VERSION"));
        let title = self.name.to_ascii_uppercase();
        // No date: the version says more, and a page is the same whenever it is made.
        writeln!(to, ".TH \"{title}\" \"{}\" \"\" \"{version}\" \"UGENT Vault\"", self.section)?;
        man.render_name_section(to)?;
        writeln!(to, ".SH SYNOPSIS\n.nf\n{}\n.fi", escaped(&self.usage()))?;
        man.render_description_section(to)?;
        if self.command.get_arguments().any(|argument| !argument.is_hide_set()) {
            man.render_options_section(to)?;
        }
        if self.command.get_subcommands().any(|below| !below.is_hide_set()) {
            man.render_subcommands_section(to)?;
        }
        if let Some(after) = self.command.get_after_help() {
            examples(&after.to_string(), to)?;
        }
        to.write_all(self.more.as_bytes())?;
        if self.name != "ugent-secret" {
            writeln!(to, ".SH \"SEE ALSO\"\n.BR ugent\\-secret (1)")?;
        }
        Ok(())
    }
}

/// A help's last part: a heading, and lines to type, of which none may be broken or filled.
fn examples(text: &str, to: &mut dyn Write) -> io::Result<()> {
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default().trim_end_matches(':').to_ascii_uppercase();
    let heading = if heading == "EXAMPLE" { "EXAMPLES" } else { heading.as_str() };
    writeln!(to, ".SH \"{heading}\"\n.nf")?;
    for line in lines {
        writeln!(to, "{}", escaped(line.strip_prefix("  ").unwrap_or(line)))?;
    }
    writeln!(to, ".fi")
}

/// As it is, whatever roff would make of it.
fn escaped(line: &str) -> String {
    let plain = line.replace('\\', "\\e").replace('-', "\\-");
    if plain.starts_with(['.', '\'']) { format!("\\&{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_type_are_shown_as_they_are() {
        assert_eq!(escaped("a --b \\"), "a \\-\\-b \\e");
        assert_eq!(escaped(".profile"), "\\&.profile");
    }

    #[test]
    fn every_command_has_a_page_of_its_own() {
        let names: Vec<String> = pages().iter().map(Page::file).collect();
        for name in ["ugent-secret.1", "ugent-secret-grant-add.1", "secret-broker.8"] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
        let mut once = names.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), names.len());
    }
}
