//! `ugent secret restore`: a vault made of a backup, in a home that has none. It is made beside, and put
//! in its place in one step once it is whole: a kill leaves no vault, or all of it.

mod staging;

use std::fs::{File, OpenOptions, read_dir};
use std::io::{Write, stdout};
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::pair;
use proto::name::Backend;

use super::backup::{count, two_descriptors};
use crate::clock::seconds;
use crate::ending::{self, Outcome};
use crate::hazmat::passphrase::{Asking, Sources, of_backup};
use crate::home::{Found, Home};
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::system::{self, Mode};

use staging::Staging;
pub(super) use staging::drop_left;

/// Makes a vault of a backup, in an empty home
///
/// Only where there is no vault yet. The new vault gets a passphrase of its own, which may be the one of
/// the old vault. Versions keep their numbers. Tokens, grants and settings are no part of a backup.
#[derive(Args)]
#[command(after_help = "Examples:\n  UGENT_HOME=/srv/ugent ugent secret restore vault-2030-01-31.backup\n  \
                        ugent secret restore FILE --backup-passphrase-fd 3 --passphrase-fd 4 3< backup.txt 4< new.txt")]
pub(crate) struct Restore {
    /// A file that `backup` has made
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Reads the backup's passphrase from this open descriptor
    #[arg(long, value_name = "N")]
    backup_passphrase_fd: Option<i32>,
}

impl Restore {
    pub(super) fn run(&self, mode: Mode, sources: Sources) -> Outcome {
        let home = Home::locate(mode)?;
        if home.system().is_some() && !system::is_root() {
            return Err(system::takes_root("restore").into());
        }
        // All that can be wrong is found before anybody is asked, and before anything is made.
        nothing_there(&home)?;
        let mut session = Session::open(mode, sources)?;
        let own_fd: Option<RawFd> = self.backup_passphrase_fd;
        two_descriptors(&session, own_fd)?;
        file_vault(&session)?;
        let file = self.open()?;
        let backups = of_backup(own_fd, Asking::Once)?;
        let vaults = session.passphrase.require(Asking::Twice)?;
        let both = pair::join(&backups, &vaults).map_err(ending::no_slot)?;
        drop((backups, vaults));
        let staging = Staging::make(&home)?;
        session.home = staging.home().clone();
        session.settings.backend = Some(Backend::FileVault);
        let mut keeper = keeper::reach(&session, Purpose::Init)?;
        let answered = keeper.ask_about(file.into(), &CliRequest::Restore, both)?;
        let CliAnswer::Restored { made, secrets, versions } = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        // Its journal is synced by then, and nobody writes there any more.
        keeper.end()?;
        staging.take_place()?;
        let mut out = stdout().lock();
        let (secrets, values) = (count(secrets, "secret"), count(versions, "value"));
        writeln!(out, "restored {secrets} ({values}) of a backup made {}", seconds(made))?;
        writeln!(out, "in {}, and read it back; the backup stays as it is", home.secrets().display())?;
        writeln!(
            out,
            "next: put secrets.grants.toml, secrets.providers.toml and secrets.toml back, and issue tokens anew"
        )?;
        Ok(())
    }

    fn open(&self) -> Result<File, Failure> {
        let shown = self.file.display();
        // A pipe without a writer would keep us waiting here.
        let opened = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&self.file);
        let failed = |error: std::io::Error| {
            Failure::new(
                FailureClass::Io,
                format!("{shown} could not be opened: {error}"),
                "name a file you can read",
            )
        };
        let file = opened.map_err(failed)?;
        if file.metadata().map_err(failed)?.is_file() {
            return Ok(file);
        }
        let what = format!("{shown} is no file, so nothing was restored");
        Err(Failure::new(FailureClass::BadInput, what, "copy the backup to a file first"))
    }
}

fn nothing_there(home: &Home) -> Result<(), Failure> {
    match home.check()? {
        Found::Nothing => Ok(()),
        // As it is made for the keeper, before that comes.
        Found::Secrets if read_dir(home.secrets()).is_ok_and(|mut found| found.next().is_none()) => Ok(()),
        Found::Secrets => {
            let shown = home.secrets().display().to_string();
            Err(Failure::new(
                FailureClass::Config,
                format!("{shown} is there already, so nothing was restored"),
                format!("UGENT_HOME=ANOTHER_DIRECTORY ugent secret restore FILE, or: mv {shown} {shown}.old"),
            ))
        }
    }
}

/// What a backup becomes.
fn file_vault(session: &Session) -> Result<(), Failure> {
    match session.settings.backend {
        Some(Backend::FileVault) | None => Ok(()),
        Some(Backend::Keychain) => Err(Failure::new(
            FailureClass::Config,
            "a backup is restored to a file vault, and the settings ask for the keychain",
            "UGENT_SECRETS_BACKEND=file-vault ugent secret restore FILE",
        )),
    }
}
