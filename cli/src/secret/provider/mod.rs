//! `ugent secret provider …`: which providers there are and what of them may be called, and whether the
//! providers file would be taken. keeperd alone parses and knows; nothing here does either.

mod check;
pub(super) mod list;

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::session::Session;

/// Lists providers and their routes, and checks the providers file
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret provider list openai"
)]
pub(crate) struct Provider {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    List(list::List),
    Check(check::Check),
}

impl Provider {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        match &self.verb {
            Verb::List(list) => list.run(session),
            Verb::Check(check) => check.run(session),
        }
    }
}
