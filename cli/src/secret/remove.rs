//! `ugent secret remove`: a secret and all its versions, gone.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use super::handle;
use super::unlock::unlocked_keeper;
use crate::ending::{Halt, Outcome};
use crate::keeper;
use crate::session::Session;
use crate::usage::wrong;

/// Removes a secret and all its versions
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
            confirm(&handle)?;
        }
        let mut keeper = unlocked_keeper(session)?;
        let answered = keeper.ask(&CliRequest::Remove { handle: handle.clone() }, None)?;
        keeper.end()?;
        let CliAnswer::Removed = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        writeln!(stdout(), "removed {handle}")?;
        Ok(())
    }
}

fn confirm(handle: &Handle) -> Result<(), Halt> {
    if !stdin().is_terminal() {
        let hint = format!("ugent secret remove {handle} --yes");
        return Err(wrong(format!("{handle} was not removed: there is no terminal to ask on"), hint).into());
    }
    let _ = write!(stderr(), "Remove {handle} and all its versions, for good? [y/N] ");
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        (Ok(_), _) | (Err(_), _) => {
            Err(Failure::new(FailureClass::Refused, format!("{handle} was not removed"), "").into())
        }
    }
}
