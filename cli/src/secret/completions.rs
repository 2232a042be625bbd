//! `completions`: what a shell needs to complete commands and options. Names of secrets are not
//! completed: that would ask the broker at each key.

use std::io::{self, Write, stdout};

use clap::{Args, ValueEnum};
use clap_complete::{Generator, Shell};

use crate::ending::Outcome;
use crate::manual;

/// Prints completions for a shell
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret completions bash > ~/.local/share/bash-completion/completions/ugent\n  \
                        ugent secret completions zsh > ~/.zfunc/_ugent\n  \
                        ugent secret completions fish > ~/.config/fish/completions/ugent.fish"
)]
pub(crate) struct Completions {
    /// Which
    #[arg(value_name = "SHELL")]
    shell: Known,
}

#[derive(Clone, Copy, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub(super) fn run(&self) -> Outcome {
        let shell = match self.shell {
            Known::Bash => Shell::Bash,
            Known::Zsh => Shell::Zsh,
            Known::Fish => Shell::Fish,
        };
        Ok(generated(shell).and_then(|text| stdout().lock().write_all(&text))?)
    }
}

fn generated(shell: Shell) -> io::Result<Vec<u8>> {
    let mut ugent = manual::ugent();
    ugent.set_bin_name("ugent");
    ugent.build();
    let mut text = Vec::new();
    shell.try_generate(&ugent, &mut text)?;
    Ok(text)
}
