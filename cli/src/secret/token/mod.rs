//! `ugent secret token …`: who may speak to the gateway as whom.

mod issue;
mod list;
mod revoke;
mod rotate;

pub(super) use self::issue::Issue;
use clap::{Args, Subcommand};
use proto::failure::Failure;

use crate::clock::span_ms;
use crate::ending::Outcome;
use crate::session::Session;
use crate::usage::wrong;

/// Issues, lists, revokes and rotates the tokens programs show to the gateway
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret token issue --consumer context-engine --ttl 30d --out token.txt"
)]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Issue(Issue),
    List(list::List),
    Revoke(revoke::Revoke),
    Rotate(rotate::Rotate),
}

impl Token {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        match &self.verb {
            Verb::Issue(issue) => issue.run(session),
            Verb::List(list) => list.run(session),
            Verb::Revoke(revoke) => revoke.run(session),
            Verb::Rotate(rotate) => rotate.run(session),
        }
    }
}

/// Nobody means more; what is for good has no end.
const LONGEST_DAYS: u64 = 3650;

/// The span an option names, in milliseconds. What was typed is not repeated.
pub(super) fn span(option: &str, text: &str) -> Result<u64, Failure> {
    let ms = span_ms(text).ok_or_else(|| {
        wrong(format!("{option} is not a span of time"), format!("as in: {option} 30d, 12h, 10m or 45s"))
    })?;
    if ms > LONGEST_DAYS * 86_400_000 {
        let what = format!("{option} is longer than ten years");
        return Err(wrong(what, format!("at most: {option} {LONGEST_DAYS}d")));
    }
    Ok(ms)
}
