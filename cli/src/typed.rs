//! Words that differ between a broker of one's own and the machine's (`--system`).
//!
//! A command that is typed as it stands in a hint must mean the broker that the hint is about. Hints
//! are written as for one's own broker, by keeperd too, which knows of no command line; on their way
//! to a person they get their `--system` here. Changes nothing else of a text, and decides nothing.

use proto::failure::Failure;

use crate::ending::Halt;
use crate::home::Home;
use crate::system::Mode;

/// How every command begins.
const COMMAND: &str = "ugent secret ";
/// What makes it one about the machine's broker.
const SYSTEM: &str = "--system ";

impl Home {
    /// Whose broker serves it.
    pub(crate) const fn mode(&self) -> Mode {
        match self.system() {
            None => Mode::OneUser,
            Some(_) => Mode::System,
        }
    }

    /// The command line that does this to this home's broker: `broker start` is one of
    /// `ugent secret broker start`.
    pub(crate) fn command(&self, verb: &str) -> String {
        text(self.mode(), &format!("{COMMAND}{verb}"))
    }

    /// Whose its policy files are, and who may read them.
    pub(crate) const fn policy_access(&self) -> &'static str {
        match self.mode() {
            Mode::OneUser => "mode 0600",
            Mode::System => "root:ugent-keeper, mode 0640",
        }
    }
}

/// How a command ends, with a hint that means the same broker.
pub(crate) fn halt(mode: Mode, halt: Halt) -> Halt {
    match halt {
        Halt::Failed(failed) => Halt::Failed(failure(mode, failed)),
        Halt::PipeClosed => Halt::PipeClosed,
        Halt::Said(code) => Halt::Said(code),
    }
}

/// An error, with a hint that means the same broker.
pub(crate) fn failure(mode: Mode, failure: Failure) -> Failure {
    Failure { hint: text(mode, &failure.hint), ..failure }
}

/// A text, with commands that mean the same broker.
pub(crate) fn text(mode: Mode, text: &str) -> String {
    match mode {
        Mode::OneUser => text.to_owned(),
        Mode::System => of_the_machine(text),
    }
}

fn of_the_machine(text: &str) -> String {
    let mut parts = text.split(COMMAND);
    let mut worded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let missing = if part.starts_with(SYSTEM) { "" } else { SYSTEM };
        worded.extend([COMMAND, missing, part]);
    }
    worded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_a_hint_means_the_machines_broker_and_says_so_once() {
        for (plain, meant) in [
            ("", ""),
            ("chmod 600 /h/x", "chmod 600 /h/x"),
            ("ugent secret list", "ugent secret --system list"),
            ("sudo ugent secret --system doctor", "sudo ugent secret --system doctor"),
            (
                "ugent secret broker stop && ugent secret broker start   (waits)",
                "ugent secret --system broker stop && ugent secret --system broker start   (waits)",
            ),
            ("run `ugent secret init` on a terminal", "run `ugent secret --system init` on a terminal"),
        ] {
            assert_eq!(text(Mode::System, plain), meant);
            assert_eq!(text(Mode::System, meant), meant, "a second time changes nothing");
            assert_eq!(text(Mode::OneUser, plain), plain);
        }
    }
}
