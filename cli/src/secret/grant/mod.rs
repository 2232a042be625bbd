//! `ugent secret grant …`: what is granted, whether the files would be taken, and why something is
//! allowed or not. keeperd alone parses and decides; nothing here does either.

mod add;
pub(super) mod check;
mod explain;
mod list;
mod new_file;

use clap::{Args, Subcommand};
use proto::cli_lane::{CliAnswer, CliRequest, PART_MAX};
use proto::failure::Failure;
use proto::policy::{FileVerdict, PolicyFile};

use crate::ending::Outcome;
use crate::keeper::{self, Keeper};
use crate::session::Session;

/// Lists, checks, adds and explains grants
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret grant explain --consumer ugent-core --secret @openai_api_key \\\n    \
                  --purpose llm.chat --host api.openai.com --delivery http_header_inject"
)]
pub(crate) struct Grant {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    List(list::List),
    Check(check::Check),
    Add(Box<add::Add>),
    Explain(explain::Explain),
}

impl Grant {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        match &self.verb {
            Verb::List(list) => list.run(session),
            Verb::Check(check) => check.run(session),
            Verb::Add(add) => add.run(session),
            Verb::Explain(explain) => explain.run(session),
        }
    }
}

/// What keeperd makes of a text as that file.
pub(super) fn verdict_on(keeper: &mut Keeper, file: PolicyFile, text: &str) -> Result<FileVerdict, Failure> {
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_at(rest.floor_char_boundary(PART_MAX));
        let more = !behind.is_empty();
        let request = CliRequest::CheckText { file, part: part.to_owned(), more };
        match (keeper.ask(&request, None)?.answer, more) {
            (CliAnswer::TextChecked(verdict), false) => return Ok(verdict),
            (CliAnswer::TextNoted, true) => rest = behind,
            _ => return Err(keeper::unexpected()),
        }
    }
}
