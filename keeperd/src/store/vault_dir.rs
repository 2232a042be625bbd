//! `secrets/vault/`: the header, and one sealed file a version, named by its deposit.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};

use super::files::{self, io_failure};
use crate::hazmat::binding::DepositId;
use crate::hazmat::file_vault::{HEADER_LEN, VaultError};
use crate::hazmat::keys::{SEALED_MAX, Sealed};

/// A later format's header may be longer; it must still be read as far as its format number.
const HEADER_MAX: usize = 16 * HEADER_LEN;

pub(super) fn path(secrets: &Path) -> PathBuf {
    secrets.join("vault")
}

pub(super) fn header_path(secrets: &Path) -> PathBuf {
    path(secrets).join("header")
}

/// The header's bytes; none if there is no header.
pub(super) fn read_header(secrets: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let path = header_path(secrets);
    match files::open(&path).and_then(|file| files::read(&file, HEADER_MAX)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(VaultError::Damaged.failure()),
        Err(error) => Err(io_failure("cannot read", &path, &error)),
    }
}

/// Writes the header: a crash leaves the one before, or none if there was none, or this one.
pub(super) fn write_header(secrets: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let (path, new) = (header_path(secrets), self::path(secrets).join("header.new"));
    let written = files::remove(&new)
        .and_then(|()| files::make_whole(&new, bytes))
        .and_then(|()| files::replace(&path, &new));
    written.map_err(|error| io_failure("cannot write", &path, &error))
}

/// Writes a sealed value, synced when this returns; what could not be finished is removed.
pub(super) fn write_sealed(secrets: &Path, deposit: DepositId, sealed: &Sealed) -> Result<(), Failure> {
    let path = sealed_path(secrets, deposit);
    files::make_whole(&path, sealed.bytes()).map_err(|error| io_failure("cannot write", &path, &error))
}

/// The same, without its name being durable before [`sync`].
pub(super) fn write_one_of_many(secrets: &Path, deposit: DepositId, sealed: &Sealed) -> Result<(), Failure> {
    let path = sealed_path(secrets, deposit);
    let made =
        files::make(&path).and_then(|mut file| file.write_all(sealed.bytes()).and_then(|()| file.sync_all()));
    made.map_err(|error| io_failure("cannot write", &path, &error))
}

/// Makes the names of sealed values durable.
pub(super) fn sync(secrets: &Path) -> Result<(), Failure> {
    let path = path(secrets);
    files::sync_dir(&path).map_err(|error| io_failure("cannot sync", &path, &error))
}

/// Reads a sealed value. Only opening it says whether it is the one.
pub(super) fn read_sealed(secrets: &Path, deposit: DepositId) -> Result<Sealed, Failure> {
    let path = sealed_path(secrets, deposit);
    match files::open(&path).and_then(|file| files::read(&file, SEALED_MAX)) {
        Ok(bytes) => Ok(Sealed::from_file(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
            Err(Failure::new(
                FailureClass::BadInput,
                format!("the sealed file {} is missing or damaged", path.display()),
                "put it back from a backup, or rotate the secret",
            ))
        }
        Err(error) => Err(io_failure("cannot read", &path, &error)),
    }
}

/// Drops a sealed value that no row names any more. What stays for now goes at the next start.
pub(super) fn drop_sealed(secrets: &Path, deposit: DepositId) {
    let _ = files::remove(&sealed_path(secrets, deposit));
}

/// Drops what a crash left: sealed files that `is_named` does not know, and half-made headers.
pub(super) fn drop_orphans(secrets: &Path, is_named: impl Fn(&str) -> bool) -> Result<u32, Failure> {
    let dir = path(secrets);
    let failed = |error| io_failure("cannot clean up", &dir, &error);
    let entries = match std::fs::read_dir(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(failed)?,
    };
    let mut dropped = 0;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_orphan = match name.strip_suffix(".sealed") {
            Some(deposit) => !is_named(deposit),
            None => name == "header.new",
        };
        if is_orphan {
            files::remove(&entry.path()).map_err(failed)?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// Drops all of it, the header first: without that nothing here is a vault. The directory stays, empty:
/// a confined keeper can remove none.
pub(super) fn drop_all(secrets: &Path) -> Result<(), Failure> {
    let header = header_path(secrets);
    files::remove(&header).map_err(|error| io_failure("cannot remove", &header, &error))?;
    drop_orphans(secrets, |_| false).map(drop)
}

fn sealed_path(secrets: &Path, deposit: DepositId) -> PathBuf {
    path(secrets).join(format!("{deposit}.sealed"))
}
