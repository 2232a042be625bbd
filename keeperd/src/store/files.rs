//! Files and directories below `secrets/`: made with their final mode, never through a link, and
//! durable when these functions return.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use proto::failure::{Failure, FailureClass};

const OURS_ALONE: u32 = 0o600;

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Opens a file that is there for reading and writing.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Makes a file that is not there yet, mode 0600 from the first moment.
pub(crate) fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(OURS_ALONE).custom_flags(libc::O_NOFOLLOW);
    options.open(path)
}

/// Reads a file of at most `max` bytes; a longer one is [`ErrorKind::InvalidData`].
pub(crate) fn read(file: &File, max: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > max { Err(ErrorKind::InvalidData.into()) } else { Ok(bytes) }
}

/// Makes a file with that content, synced, and its directory too. What could not be finished is
/// taken away again.
pub(crate) fn make_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = make(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| sync_parent(path));
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Puts a file in the place of another, or of none, so that a crash leaves the one or the other.
pub(crate) fn replace(path: &Path, new: &Path) -> io::Result<()> {
    std::fs::rename(new, path)?;
    sync_parent(path)
}

/// Removes a file; none is as good as one removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes files whose making a crash cut short: they have the name of what they would have become,
/// and `.new`.
pub(crate) fn remove_half_made(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_ours = ["metadata.redb.", "broker.token."].iter().any(|start| name.starts_with(start));
        if is_ours && name.ends_with(".new") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY).open(path)?.sync_all()
}

/// Makes the directory, mode 0700, if it is not there. One that is there must be a directory of
/// this user that nobody else can enter.
pub(crate) fn ensure_dir(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_parent(path).map_err(|error| io_failure("cannot sync the directory of", path, &error)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_dir(path),
        Err(error) => Err(io_failure("cannot make", path, &error)),
    }
}

/// As [`check_dir`], but nothing at all is fine too.
pub(crate) fn check_dir_if_there(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Ok(_) | Err(_) => check_dir(path),
    }
}

/// Refuses anything but a directory of this user that nobody else can enter.
pub(crate) fn check_dir(path: &Path) -> Result<(), Failure> {
    let found = path.symlink_metadata().map_err(|error| io_failure("cannot look at", path, &error))?;
    let config = |what: &str, hint: String| {
        Err(Failure::new(FailureClass::Config, format!("{} {what}", path.display()), hint))
    };
    if !found.is_dir() {
        return config("is not a directory", format!("move it away: mv {0} {0}.old", path.display()));
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return config("belongs to somebody else", format!("chown it, or move it away: {}", path.display()));
    }
    if found.mode() & 0o077 != 0 {
        return config("is open to others", format!("chmod 700 {}", path.display()));
    }
    Ok(())
}

/// What a failed system call means to a person.
pub(crate) fn io_failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    let (class, hint) = match (error.kind(), error.raw_os_error()) {
        (_, Some(libc::ELOOP)) => (FailureClass::Config, "it is a link: put the file itself in its place"),
        (_, Some(libc::ENOSPC | libc::EDQUOT)) => (FailureClass::Io, "free some space on that disk"),
        (ErrorKind::PermissionDenied, _) => (FailureClass::Io, "check its owner and mode"),
        (ErrorKind::ReadOnlyFilesystem, _) => (FailureClass::Io, "make that disk writable"),
        (_, _) => (FailureClass::Io, ""),
    };
    Failure::new(class, format!("{what} {}: {error}", path.display()), hint)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_dir)
}
