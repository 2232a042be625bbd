//! `ugent secret approve`: what waits for a person, and letting it have its lease. What is approved
//! is shown before the passphrase is asked for.

mod waiting;

use std::io::{Write, stderr, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};

use crate::ending::Outcome;
use crate::keeper;
use crate::render::JsonOption;
use crate::session::Session;

pub(super) use waiting::{broker, done, one};

/// Shows which uses wait for somebody to approve them, or approves one
///
/// A grant with `approval = "each-lease"` makes the first request under each lease wait. Approving
/// takes the passphrase again, where the vault has one; the requests that wait go on, and so does every other until that lease
/// ends. Nobody approves: they are refused.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret approve\n  ugent secret approve 01f0e9a3c5d7b862\n  \
                        ugent secret approve 01f0")]
pub(crate) struct Approve {
    /// Which, by its id or the beginning of it; without, all that wait are shown
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    json: JsonOption,
}

impl Approve {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let Some(typed) = &self.id else { return waiting::show(session, self.json) };
        let mut keeper = waiting::broker(session)?;
        let found = one(&mut keeper, typed)?;
        // Standard error: a passphrase is asked for below it.
        let _ = writeln!(stderr(), "{}", waiting::sentence(&found));
        let passphrase = session.passphrase.for_vault(&session.home)?;
        let request = CliRequest::Approve { id: found.id };
        let CliAnswer::Approved(meta) = keeper.ask(&request, passphrase)?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let mut out = stdout().lock();
        waiting::done(&mut out, self.json, &meta, "approved")?;
        Ok(())
    }
}
