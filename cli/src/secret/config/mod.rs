//! `ugent secret config …`: configuration files of programs.

mod check;

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::session::Session;

/// Looks after configuration files of programs
#[derive(Args)]
#[command(arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Check(check::Check),
}

impl Config {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        match &self.verb {
            Verb::Check(check) => check.run(session),
        }
    }
}
