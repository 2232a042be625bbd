//! `ugent secret init`: makes what is missing, and says what was there.

use std::io::Write;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest, InitItem};
use proto::failure::FailureClass;
use proto::name::Backend;

use super::restore;
use crate::ending::Outcome;
use crate::hazmat::passphrase::{Asking, Sources};
use crate::home::Home;
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::system::{self, Mode};
use crate::usage::wrong;

use super::backend;

/// Creates the metadata database, and keys in the keychain or an encrypted store
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret init --backend file-vault")]
pub(crate) struct Init {
    /// Where values are kept: keychain or file-vault
    #[arg(long, value_name = "BACKEND")]
    backend: Option<String>,
}

impl Init {
    pub(super) fn run(&self, mode: Mode, sources: Sources) -> Outcome {
        let home = Home::locate(mode)?;
        if home.system().is_some() && !system::is_root() {
            return Err(system::takes_root("init").into());
        }
        home.check()?;
        // Settings are read before anything is made: a mistake in them must leave nothing behind.
        let mut session = Session::open(mode, sources)?;
        if let Some(word) = &self.backend {
            let asked = Backend::parse(word);
            session.settings.backend = Some(asked.map_err(|_| {
                wrong(
                    "--backend is neither keychain nor file-vault",
                    "ugent secret init --backend file-vault",
                )
            })?);
        }
        make(&mut session)
    }
}

/// Makes what is missing in a home that was checked, and says what was there.
pub(super) fn make(session: &mut Session) -> Outcome {
    let backend = backend::choose(session)?;
    session.settings.backend = backend;
    let request = CliRequest::Init { backend };
    let makes_vault = backend == Some(Backend::FileVault) && !session.home.has_vault();
    let passphrase = if makes_vault { Some(session.passphrase.require(Asking::Twice)?) } else { None };
    let was_given = passphrase.is_some();
    session.home.make()?;
    restore::drop_left(&session.home);
    let mut keeper = keeper::reach(session, Purpose::Init)?;
    let answered = match keeper.ask(&request, passphrase) {
        Err(failure) if failure.class == FailureClass::Refused && !was_given && !session.home.has_vault() => {
            let passphrase = session.passphrase.require(Asking::Twice)?;
            keeper.ask(&request, Some(passphrase))?
        }
        answered => answered?,
    };
    keeper.end()?;
    let CliAnswer::Initialized { backend, items } = answered.answer else {
        return Err(keeper::unexpected().into());
    };
    if let Err(failure) = session.home.fits_sockets() {
        let warning = "no broker can start here, since a socket's path would be too long";
        let _ = writeln!(std::io::stderr(), "warning: {warning}: {}", failure.what);
    }
    let mut out = std::io::stdout().lock();
    for InitItem { path, existed } in items {
        writeln!(out, "{} {path}", if existed { "exists " } else { "created" })?;
    }
    writeln!(out, "backend: {backend}")?;
    let next = session.home.command("add @openai_api_key --provider openai --stdin");
    writeln!(out, "next: {next}")?;
    Ok(())
}
