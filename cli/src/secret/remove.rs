//! `ugent secret remove`: a secret and all its versions, gone.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use super::handle;
use super::unlock::{Expected, unlocked_keeper};
use crate::ending::{Halt, Outcome};
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::usage::wrong;

/// Removes a secret and all its versions
///
/// Requests and streams in flight finish with its value, which stays in locked memory of egressd
/// until their responses end.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret remove @old_key --yes")]
pub(crate) struct Remove {
    /// Which, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let handle = handle(&self.name)?;
        if !self.yes {
            at_a_terminal(&handle)?;
            // One of our own ends again: nobody waits for the catalog while the user thinks.
            let mut keeper = keeper::reach(session, Purpose::Use)?;
            Expected::Known(&handle).check(&mut keeper)?;
            keeper.end()?;
            confirm(&handle)?;
        }
        let mut keeper = unlocked_keeper(session, Expected::Known(&handle))?;
        let answered = keeper.ask(&CliRequest::Remove { handle: handle.clone() }, None)?;
        keeper.end()?;
        let CliAnswer::Removed = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        writeln!(stdout(), "removed {handle}")?;
        Ok(())
    }
}

fn at_a_terminal(handle: &Handle) -> Result<(), Halt> {
    if stdin().is_terminal() {
        return Ok(());
    }
    let what = format!("{handle} was not removed: there is no terminal to ask on");
    Err(wrong(what, format!("ugent secret remove {handle} --yes")).into())
}

fn confirm(handle: &Handle) -> Result<(), Halt> {
    let _ = write!(stderr(), "Remove {handle} and all its versions, for good? [y/N] ");
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        (Ok(_), _) | (Err(_), _) => {
            let hint = format!("answer y, or: ugent secret remove {handle} --yes");
            Err(Failure::new(FailureClass::Refused, format!("{handle} was not removed"), hint).into())
        }
    }
}
