//! `ugent secret config …`: configuration files of programs.

mod check;
mod migrate;

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::session::Session;

/// Looks after configuration files of programs
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret config check ~/.ugent/config.toml"
)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Check(check::Check),
    Migrate(migrate::Migrate),
}

impl Config {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        match &self.verb {
            Verb::Check(check) => check.run(session),
            Verb::Migrate(migrate) => migrate.run(session),
        }
    }
}
