//! `ugent secret unlock`: the passphrase, to the running broker.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;

use crate::ending::Outcome;
use crate::hazmat::passphrase::Asking;
use crate::keeper::{self, Keeper, Purpose, Reached};
use crate::session::Session;

/// Opens the vault of the running broker
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret unlock --passphrase-fd 3 3< passphrase.txt")]
pub(crate) struct Unlock {}

impl Unlock {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        unlock(&mut keeper, session.passphrase.require(Asking::Once)?)?;
        keeper.end()?;
        writeln!(stdout(), "unlocked")?;
        Ok(())
    }
}

/// A keeper that can deposit and remove. The running broker's is never given the passphrase in
/// passing: a locked one was locked by somebody. One of our own needs it, and it is asked for
/// before that keeper holds the catalog, which everybody else waits for.
pub(super) fn unlocked_keeper(session: &mut Session) -> Result<Keeper, Failure> {
    match keeper::reach_broker(session) {
        Ok(Some(keeper)) => return Ok(keeper),
        Ok(None) => keeper::check_set_up(session)?,
        // It is ending or starting; the longer way finds out.
        Err(failure) if failure.class == FailureClass::TryAgain => {}
        Err(failure) => return Err(failure),
    }
    let passphrase = session.passphrase.require(Asking::Once)?;
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    match keeper.reached() {
        Reached::Broker => {}
        Reached::Private(_) => unlock(&mut keeper, passphrase)?,
    }
    Ok(keeper)
}

fn unlock(keeper: &mut Keeper, passphrase: SecretBytes) -> Result<(), Failure> {
    let CliAnswer::Unlocked = keeper.ask(&CliRequest::Unlock, Some(passphrase))?.answer else {
        return Err(keeper::unexpected());
    };
    Ok(())
}
