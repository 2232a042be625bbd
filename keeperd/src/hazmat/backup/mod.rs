//! A backup's own format: a header, and pieces sealed under a key that only its passphrase brings
//! back. No file is read or written here; `store/backup/` does that.
//!
//! ```text
//! header | piece 0 | piece 1 | … | last piece
//! piece: u32 length of the box | u8 kind | u8 whether it is the last | u16 0
//!        | box (24 nonce, ciphertext, 16 tag)
//! ```
//!
//! A box is bound to the header, to its piece's number, counted from 0, and to the eight bytes before
//! it: pieces cannot be changed, left out, doubled, exchanged, or taken over from another backup, and
//! what ends without a last piece was cut.

mod header;
mod piece;

use std::fmt;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::NoSlot;

use super::aead::{OpenError, SealError};
use super::file_vault::VaultError;

pub(crate) use header::{HEADER_LEN, Key, make, open};
pub(crate) use piece::{Kind, PREFIX_LEN, Prefix, decoded};

/// Why a backup was not made, or does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackupError {
    /// It does not begin as one.
    None,
    /// It was made by a later version.
    FromTheFuture,
    /// It was changed, or put together of others.
    Damaged,
    /// Its end is missing.
    Cut,
    /// It is whole as far as can be seen, and this is not its passphrase.
    WrongPassphrase,
    /// The cost of the passphrase's derivation is out of bounds.
    Cost,
    /// Not enough memory for that.
    NoMemory,
    /// No locked memory is left.
    NoSlot,
    /// The kernel gave no random bytes.
    NoRandom,
}

impl BackupError {
    /// As a person is told.
    pub(crate) fn failure(self) -> Failure {
        const ANOTHER: &str = "take another copy of that backup, or an earlier one";
        let (class, hint) = match self {
            Self::None => (FailureClass::BadInput, "name a file that `ugent secret backup` has made"),
            Self::FromTheFuture => {
                (FailureClass::Config, "use the version of this software that made it, or a later one")
            }
            Self::Damaged | Self::Cut => (FailureClass::BadInput, ANOTHER),
            Self::WrongPassphrase => (
                FailureClass::Refused,
                "give the passphrase that was chosen for this backup, not the vault's",
            ),
            Self::Cost => (
                FailureClass::Config,
                "set kdf in secrets.toml to values between 8192 KiB, 1 pass and 1048576 KiB, 16 passes",
            ),
            Self::NoMemory => (FailureClass::TryAgain, "free some memory"),
            Self::NoSlot => (FailureClass::TryAgain, "raise the limit on locked memory (ulimit -l)"),
            Self::NoRandom => (FailureClass::Bug, ""),
        };
        Failure::new(class, self.to_string(), hint)
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "the file is no backup of a vault",
            Self::FromTheFuture => "the backup was made by a later version of this software",
            Self::Damaged => "the backup is damaged or was changed",
            Self::Cut => "the backup is cut short",
            Self::WrongPassphrase => "the passphrase does not open the backup",
            Self::Cost => "the cost of the passphrase's derivation is out of bounds",
            Self::NoMemory => "there is not enough memory to derive the backup's key from its passphrase",
            Self::NoSlot => "no locked memory is left for what is in the backup",
            Self::NoRandom => "the kernel gave no random bytes",
        })
    }
}

impl From<NoSlot> for BackupError {
    fn from(NoSlot: NoSlot) -> Self {
        Self::NoSlot
    }
}

impl From<SealError> for BackupError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandom => Self::NoRandom,
            SealError::NoSlot => Self::NoSlot,
        }
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged => Self::Damaged,
            OpenError::NoSlot => Self::NoSlot,
        }
    }
}

/// Of the derivation, which both kinds of header share.
impl From<VaultError> for BackupError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Damaged => Self::Damaged,
            VaultError::FromTheFuture => Self::FromTheFuture,
            VaultError::WrongPassphrase => Self::WrongPassphrase,
            VaultError::Cost => Self::Cost,
            VaultError::NoMemory => Self::NoMemory,
            VaultError::NoSlot => Self::NoSlot,
            VaultError::NoRandom => Self::NoRandom,
        }
    }
}

#[cfg(test)]
mod tests;
