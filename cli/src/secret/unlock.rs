//! `ugent secret unlock`: the passphrase, to the running broker.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::Handle;

use crate::ending::Outcome;
use crate::keeper::{self, Keeper, Purpose, Reached};
use crate::session::Session;

/// Opens the vault of the running broker
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret unlock --passphrase-fd 3 3< passphrase.txt")]
pub(crate) struct Unlock {}

impl Unlock {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let mut keeper = keeper::require_broker(session)?;
        unlock(&mut keeper, session.passphrase.for_vault(&session.home)?)?;
        keeper.end()?;
        writeln!(stdout(), "unlocked")?;
        Ok(())
    }
}

/// What must be so before the passphrase is put to use.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// There is no secret of that name.
    New(&'a Handle),
    /// There is one.
    Known(&'a Handle),
    /// Nothing: keeperd has to say what it is anyway.
    Anything,
}

/// A keeper that can deposit, remove and lend. The running broker's is never given the passphrase in
/// passing: a locked one was locked by somebody. One of our own needs it, and it is asked for
/// before that keeper holds the catalog, which everybody else waits for.
pub(super) fn unlocked_keeper(session: &mut Session, expected: Expected<'_>) -> Result<Keeper, Failure> {
    match keeper::reach_broker(session) {
        Ok(Some(keeper)) => return Ok(keeper),
        Ok(None) => keeper::check_set_up(session)?,
        // It is ending or starting; the longer way finds out.
        Err(failure) if failure.class == FailureClass::TryAgain => {}
        Err(failure) => return Err(failure),
    }
    let passphrase = session.passphrase.for_vault(&session.home)?;
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    match keeper.reached() {
        Reached::Broker => {}
        Reached::Private(_) => {
            // The running broker's looks first too: opening the vault takes a while.
            expected.check(&mut keeper)?;
            unlock(&mut keeper, passphrase)?;
        }
    }
    Ok(keeper)
}

impl Expected<'_> {
    /// Asks the keeper, which needs no keys for that.
    pub(super) fn check(self, keeper: &mut Keeper) -> Result<(), Failure> {
        let handle = match self {
            Self::New(handle) | Self::Known(handle) => handle,
            Self::Anything => return Ok(()),
        };
        let found = keeper.ask(&CliRequest::Inspect { handle: handle.clone() }, None);
        match (self, found) {
            (Self::Known(_) | Self::Anything, found) => found.map(drop),
            (Self::New(_), Err(failure)) if failure.class == FailureClass::BadInput => Ok(()),
            (Self::New(_), Err(failure)) => Err(failure),
            (Self::New(_), Ok(_)) => Err(Failure::new(
                FailureClass::BadInput,
                format!("{handle} exists already, and was not changed"),
                format!("ugent secret rotate {handle} --stdin   (for a new version of it)"),
            )),
        }
    }
}

pub(super) fn unlock(keeper: &mut Keeper, passphrase: Option<SecretBytes>) -> Result<(), Failure> {
    let CliAnswer::Unlocked = keeper.ask(&CliRequest::Unlock, passphrase)?.answer else {
        return Err(keeper::unexpected());
    };
    Ok(())
}
