//! `ugent secret backup`: every value, in one file that a passphrase of its own opens. keeperd writes
//! and reads it; here it is only made, and named once it is whole. No value comes into this process.

use std::io::{self, Write, stdout};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::pair;

use super::rekey::check;
use crate::ending::{self, Outcome};
use crate::hazmat::output::NewFile;
use crate::hazmat::passphrase::{Asking, of_backup};
use crate::keeper::{self, Purpose};
use crate::session::Session;
use crate::usage::wrong;

/// Writes all secrets to a new, encrypted file
///
/// Every version of every secret, with what `inspect` shows of it. Not in it: grants, providers and
/// settings (copy those files), tokens (issue new ones), and the journal. Takes the vault's passphrase,
/// and a passphrase for the backup, which alone opens it: keep it where the vault's is not. The file is
/// read back before this says it is done.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret backup vault-2030-01-31.backup\n  \
                        ugent secret backup FILE --passphrase-fd 3 --backup-passphrase-fd 4 3< vault.txt 4< backup.txt")]
pub(crate) struct Backup {
    /// The file to make; one that is there is left as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Reads the backup's passphrase from this open descriptor
    #[arg(long, value_name = "N")]
    backup_passphrase_fd: Option<i32>,
}

impl Backup {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let own_fd: Option<RawFd> = self.backup_passphrase_fd;
        two_descriptors(session, own_fd)?;
        // All that can be wrong is found before anybody is asked.
        keeper::check_set_up(session)?;
        not_there(&self.file)?;
        let vaults = session.passphrase.for_vault(&session.home)?;
        if let Some(vaults) = &vaults {
            check(session, vaults)?;
        }
        let own = of_backup(own_fd, Asking::Twice)?;
        let both = match &vaults {
            Some(vaults) => pair::join(vaults, &own).map_err(ending::no_slot)?,
            None => own,
        };
        drop(vaults);
        let not_made = |error| not_made(&self.file, &error);
        let file = NewFile::make(&self.file).map_err(not_made)?;
        let descriptor = file.descriptor().map_err(not_made)?;
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let answered = keeper.ask_about(descriptor, &CliRequest::Backup, both)?;
        let CliAnswer::BackedUp { secrets, versions } = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        file.keep_written().map_err(not_made)?;
        let mut out = stdout().lock();
        let shown = self.file.display();
        let (secrets, values) = (count(secrets, "secret"), count(versions, "value"));
        writeln!(out, "backed up {secrets} ({values}) to {shown}, and read it back")?;
        writeln!(
            out,
            "not in it: secrets.grants.toml, secrets.providers.toml, secrets.toml, tokens, the journal"
        )?;
        writeln!(out, "restore: UGENT_HOME=AN_EMPTY_DIRECTORY ugent secret restore {shown}")?;
        Ok(())
    }
}

/// So many of a thing, in words.
pub(super) fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Both passphrases cannot be read from one place.
pub(super) fn two_descriptors(session: &Session, own: Option<RawFd>) -> Result<(), Failure> {
    if own.is_some_and(|fd| session.passphrase.uses(fd)) {
        return Err(wrong(
            "both passphrases cannot come from one descriptor",
            "as in: --passphrase-fd 3 --backup-passphrase-fd 4 3< VAULTS 4< BACKUPS",
        ));
    }
    Ok(())
}

fn not_there(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(exists(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(not_made(path, &error)),
    }
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    let what = format!("the backup could not be written to {}: {error}", path.display());
    Failure::new(FailureClass::Io, what, "name a file in a directory you can write to")
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} is there already, and was not changed", path.display()),
        "name another file, or move that one away first",
    )
}
