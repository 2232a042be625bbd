//! `ugent secret migrate`: all values move into the keychain, or out of it. Only a keeper of our own does
//! this, so no broker may run; whatever has to be typed is asked for before that keeper is there.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::pair;
use proto::name::Backend;

use super::backup::count;
use super::unlock::unlock;
use crate::ending::{Outcome, no_slot};
use crate::hazmat::passphrase::Asking;
use crate::keeper::{self, Purpose, Reached, probe};
use crate::session::Session;
use crate::usage::wrong;

/// Moves all values into the keychain, or out of it into an encrypted file vault
///
/// Every version is copied and read back before anything is dropped. Names, versions, fingerprints,
/// tokens and the journal stay what they are. Cut short, it can be run again.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret migrate --to file-vault\n  \
                        ugent secret migrate --to keychain --passphrase-fd 3 3< passphrase.txt")]
pub(crate) struct Migrate {
    /// Where values are to be kept: keychain or file-vault
    #[arg(long, value_name = "BACKEND")]
    to: String,
}

impl Migrate {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let example = "ugent secret migrate --to file-vault";
        let to = Backend::parse(&self.to)
            .map_err(|_| wrong("--to is neither keychain nor file-vault", example))?;
        if session.home.system().is_some() {
            let what = "the machine's broker has no keychain, so nothing was moved";
            return Err(Failure::new(FailureClass::Config, what, "leave its values in the file vault").into());
        }
        keeper::check_set_up(session)?;
        if keeper::reach_broker(session)?.is_some() {
            return Err(broker_runs().into());
        }
        // It says where values are kept, and is about to be wrong.
        let set = session.settings.backend.take();
        let from = kept_in(session)?;
        let (old, new) = match (from, to) {
            (Backend::Keychain, Backend::Keychain) => (None, None),
            (Backend::FileVault, Backend::FileVault) => {
                (Some(session.passphrase.require(Asking::Once)?), None)
            }
            (Backend::Keychain, Backend::FileVault) => {
                (None, Some(session.passphrase.require(Asking::Twice)?))
            }
            (Backend::FileVault, Backend::Keychain) => {
                if let Some(failure) = probe::probe(session)?.failure() {
                    let what = format!("the keychain cannot be used, so nothing was moved: {}", failure.what);
                    return Err(Failure { what, ..failure }.into());
                }
                let old = session.passphrase.require(Asking::Once)?;
                let again = pair::again(&old).map_err(no_slot)?;
                (Some(old), Some(again))
            }
        };
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        match keeper.reached() {
            Reached::Broker => return Err(broker_runs().into()),
            Reached::Private(_) => unlock(&mut keeper, old)?,
        }
        let answered = keeper.ask_patiently(&CliRequest::Migrate { to }, new)?;
        let CliAnswer::Migrated { secrets, versions } = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let mut out = stdout().lock();
        let (secrets, values) = (count(secrets, "secret"), count(versions, "value"));
        if from == to {
            writeln!(
                out,
                "{secrets} ({values}) in the {to}, as before; what was left over elsewhere is gone"
            )?;
        } else {
            writeln!(out, "moved {secrets} ({values}) from the {from} to the {to}, and read back")?;
        }
        if let Some(set) = set.filter(|set| *set != to) {
            writeln!(
                out,
                "next: UGENT_SECRETS_BACKEND or secrets.toml says {set}; make it {to}, or leave it out"
            )?;
        }
        Ok(())
    }
}

/// Where values are kept, as the catalog has it: files may be of a move that was cut short.
fn kept_in(session: &Session) -> Result<Backend, Failure> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let CliAnswer::Status { keeper: standing, .. } = keeper.ask(&CliRequest::Status, None)?.answer else {
        return Err(keeper::unexpected());
    };
    keeper.end()?;
    standing.backend.ok_or_else(keeper::unexpected)
}

fn broker_runs() -> Failure {
    Failure::new(
        FailureClass::Config,
        "a broker is running, and values can be moved only while none is",
        "ugent secret broker stop; then this again",
    )
}
