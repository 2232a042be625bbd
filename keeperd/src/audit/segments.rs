//! The files of `secrets/audit/`, for reading. Works on a damaged journal too: these are what a
//! verifier is given.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proto::failure::{Failure, FailureClass};
use proto::journal::MAGIC;

use crate::store::files;

/// No segment is longer: the size at which a new one begins, one record, and some room.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Segments behind that one, oldest first, at most `max`, read-only. One that a crash left without
/// a header holds nothing to read, and is passed over.
pub(crate) fn segments(audit: &Path, after: u32, max: usize) -> io::Result<Vec<(u32, File)>> {
    let mut found = Vec::new();
    for number in numbers(audit)?.into_iter().filter(|number| *number > after).take(max) {
        let file = match files::open(&path(audit, number)) {
            Ok(file) => file,
            // Cut off since it was listed, and so was what is before it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                found.clear();
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut magic = [0; MAGIC.len()];
        let is_begun = file.read_at(&mut magic, 0)? > 0 && magic != [0; MAGIC.len()];
        if is_begun {
            found.push((number, file));
        }
    }
    Ok(found)
}

/// The sealed head, read-only; something that is empty where there is none.
pub(crate) fn head_file(audit: &Path) -> io::Result<File> {
    open_or_empty(&audit.join("head"))
}

/// The checkpoint, likewise. It is sealed under the data key.
pub(crate) fn checkpoint_file(audit: &Path) -> io::Result<File> {
    open_or_empty(&audit.join("checkpoint"))
}

fn open_or_empty(path: &Path) -> io::Result<File> {
    match files::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let (reader, mut writer) = io::pipe()?;
            writer.flush()?;
            Ok(File::from(OwnedFd::from(reader)))
        }
        opened => opened,
    }
}

/// Numbers of all segments, rising; none if there is no journal yet.
pub(super) fn numbers(audit: &Path) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(audit) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        let is_number = |digits: &&str| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
        numbers.extend(digits.filter(is_number).and_then(|digits| digits.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A segment's path.
pub(super) fn path(audit: &Path, number: u32) -> PathBuf {
    audit.join(format!("{number:08}.journal"))
}

/// All bytes of a segment.
pub(super) fn bytes(audit: &Path, number: u32) -> Result<Vec<u8>, Failure> {
    let path = path(audit, number);
    match files::open(&path).and_then(|file| files::read(&file, BYTES_MAX)) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(damaged(number, "it is too long")),
        Err(error) => Err(files::io_failure("cannot read", &path, &error)),
    }
}

/// Damage, to a person.
pub(super) fn damaged(number: u32, what: &str) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("the journal is damaged: {what} (secrets/audit/{number:08}.journal)"),
        "ugent secret audit --verify; then put secrets/audit back from a backup",
    )
}
