//! `ugent secret rekey`: another passphrase. Asks for the old one, lets keeperd check it, and only
//! then for the new one; while somebody thinks of that, no keeper of ours holds the catalog.

use std::io::{Write, stdout};
use std::os::fd::RawFd;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{SecretBytes, pair};

use crate::ending::{self, Outcome};
use crate::hazmat::passphrase::{Asking, another};
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::usage::wrong;

/// Puts a new passphrase in the place of the vault's
///
/// Rewrites the vault's header and nothing else: values stay as they are, and an open vault stays
/// open. A copy of the old header, as in a backup, still opens with the old passphrase.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret rekey\n  \
                        ugent secret rekey --passphrase-fd 3 --new-passphrase-fd 4 3< old.txt 4< new.txt")]
pub(crate) struct Rekey {
    /// Reads the new passphrase from this open descriptor
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<i32>,
}

impl Rekey {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let new_fd: Option<RawFd> = self.new_passphrase_fd;
        if new_fd.is_some_and(|fd| session.passphrase.uses(fd)) {
            return Err(wrong(
                "both passphrases cannot come from one descriptor",
                "as in: --passphrase-fd 3 --new-passphrase-fd 4 3< OLD 4< NEW",
            )
            .into());
        }
        keeper::check_set_up(session)?;
        if session.home.is_in_keychain() {
            return Err(Failure::new(
                FailureClass::Config,
                "the vault is in the keychain, and has no passphrase of its own",
                "change the keyring's own password instead (in Seahorse, for example)",
            )
            .into());
        }
        let old = session.passphrase.require(Asking::Once)?;
        check(session, &old)?;
        let new = another(new_fd)?;
        let both = pair::join(&old, &new).map_err(ending::no_slot)?;
        drop((old, new));
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let CliAnswer::Rekeyed = keeper.ask(&CliRequest::Rekey, Some(both))?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let mut out = stdout().lock();
        writeln!(out, "the new passphrase opens the vault, and the old one no longer does")?;
        writeln!(
            out,
            "next: put it wherever the old one is kept (a credential of systemd, a script's file)"
        )?;
        Ok(())
    }
}

/// Lets keeperd check the vault's passphrase, before anybody chooses another one in vain.
pub(super) fn check(session: &Session, old: &SecretBytes) -> Outcome {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let old = pair::again(old).map_err(ending::no_slot)?;
    let CliAnswer::PassphraseFits = keeper.ask(&CliRequest::CheckPassphrase, Some(old))?.answer else {
        return Err(keeper::unexpected().into());
    };
    keeper.end()?;
    Ok(())
}
