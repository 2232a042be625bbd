//! A command at a terminal: `script` of util-linux gives it one, and types into it.

use std::process::Command;

use super::until::until_true;
use super::{Binaries, Outcome, Running, World};

/// A command of `ugent secret` at a terminal, before it runs.
pub struct AtTerminal {
    script: Command,
    answers: Vec<(String, String)>,
}

impl AtTerminal {
    /// With that in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.script.env(name, value);
        self
    }

    /// Types the second of each, and Enter, once the output since the last ends with a question that
    /// has the first in it.
    #[must_use]
    pub fn answering(mut self, answers: &[(&str, &str)]) -> Self {
        self.answers.extend(answers.iter().map(|(asked, typed)| ((*asked).to_owned(), (*typed).to_owned())));
        self
    }

    /// Starts it, and answers all it was told to.
    ///
    /// # Panics
    /// If it does not ask.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Running {
        let mut running = Running::open(self.script);
        let mut known = 0;
        for (asked, typed) in &self.answers {
            until_true(&format!("it asks for {asked}"), || {
                let said = running.stdout();
                assert!(!running.ends_within(std::time::Duration::ZERO), "it ends before {asked}: {said}");
                let new = said.get(known..).unwrap_or_default();
                new.to_lowercase().contains(&asked.to_lowercase())
                    && [":", "]"].iter().any(|end| new.trim_end().ends_with(end))
            });
            known = running.stdout().len();
            running.type_line(typed);
        }
        running
    }

    /// Runs it to its end.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.start().outcome()
    }
}

impl World {
    /// `ugent secret …` at a terminal, with nothing of this world in its environment but the home.
    #[must_use]
    pub fn at_terminal(&self, command: &str) -> AtTerminal {
        self.typed_at_terminal(&format!("ugent secret {command}"))
    }

    /// A line of a shell at a terminal, in the same way.
    #[must_use]
    pub fn typed_at_terminal(&self, line: &str) -> AtTerminal {
        let binaries = Binaries::of_this_build().path("");
        let mut script = Command::new("script");
        script
            .args(["--quiet", "--return", "--command", line, "/dev/null"])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", binaries.display()))
            .env("HOME", self.home.around())
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env("UGENT_HOME", self.home.path())
            .current_dir(self.home.workspace());
        AtTerminal { script, answers: Vec::new() }
    }
}
