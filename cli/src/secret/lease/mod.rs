//! `ugent secret lease …`: what is lent at the moment, and taking it back.

mod list;
mod revoke;

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::session::Session;

/// Lists the leases in force, and revokes them
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret lease revoke @openai_api_key --now"
)]
pub(crate) struct Lease {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Lease {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        match &self.verb {
            Verb::List(list) => list.run(session),
            Verb::Revoke(revoke) => revoke.run(session),
        }
    }
}
