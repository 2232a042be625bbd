//! Backups: every value of the vault, with what the catalog knows of it, in one file that a
//! passphrase of its own opens; and a new vault made of such a file. The file comes as a descriptor
//! from the CLI. Journal, tokens and policy files are no part of it.

mod file;
mod parts;
mod restore;
mod write;

use proto::failure::{Failure, FailureClass};

use crate::hazmat::backup::BackupError;

pub(crate) use restore::Restored;
pub(crate) use write::{Backup, Step};

/// Why a backup came to nothing: what was wrong with it, or with the file.
#[derive(Debug)]
enum Broken {
    Backup(BackupError),
    Io(std::io::Error),
}

impl From<BackupError> for Broken {
    fn from(error: BackupError) -> Self {
        Self::Backup(error)
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Broken {
    /// With what did not happen because of it.
    fn failure(self, so: &str) -> Failure {
        let failure = match self {
            Self::Backup(error) => error.failure(),
            Self::Io(error) => {
                let full = matches!(error.raw_os_error(), Some(nix::libc::ENOSPC | nix::libc::EDQUOT));
                let hint = if full { "free some space on that disk" } else { "try another disk" };
                Failure::new(FailureClass::Io, format!("the backup's file: {error}"), hint)
            }
        };
        Failure { what: format!("{}; {so}", failure.what), ..failure }
    }
}

/// Two passphrases came as one value, and are not two.
fn not_two() -> Failure {
    Failure::new(
        FailureClass::BadInput,
        "these are not two passphrases, so nothing was done",
        "a passphrase has no NUL in it and is not empty",
    )
}

#[cfg(test)]
mod tests;
