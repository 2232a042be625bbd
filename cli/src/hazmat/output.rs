//! A value on its way out: from its slot to a descriptor by raw writes, so that no buffer keeps a
//! copy; and the file it goes to.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{SFlag, fstat, major, minor};
use nix::unistd::{linkat, write};
use proto::hazmat::SecretBytes;

/// Writes a value and a newline: all of it, or an error.
///
/// # Errors
/// No locked memory for the whole line, or what the kernel says.
#[expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot, and from there to the kernel")]
pub(crate) fn line(value: &SecretBytes, to: impl AsFd) -> io::Result<()> {
    let mut line = SecretBytes::zeroed(value.len() + 1).map_err(io::Error::other)?;
    if let Some((newline, text)) = line.expose_mut().split_last_mut() {
        text.copy_from_slice(value.expose());
        *newline = b'\n';
    }
    whole(&line, to)
}

/// Writes what is in a slot: all of it, or an error.
///
/// # Errors
/// What the kernel says.
#[expect(clippy::disallowed_methods, reason = "INV-02: from the slot to the kernel")]
pub(super) fn whole(value: &SecretBytes, to: impl AsFd) -> io::Result<()> {
    let mut written = 0;
    while let Some(rest) = value.expose().get(written..).filter(|rest| !rest.is_empty()) {
        match write(&to, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => written += bytes,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What becomes of what is written to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It may reach somebody.
    Kept,
    /// Nobody ever sees it.
    Lost,
}

/// Tells /dev/null (null(4)) from all else.
pub(crate) fn fate(to: impl AsFd) -> Fate {
    match fstat(to) {
        Ok(found) if found.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFCHR.bits() => Fate::Kept,
        Ok(found) if (major(found.st_rdev), minor(found.st_rdev)) == (1, 3) => Fate::Lost,
        // What is wrong with it shows when it is written to.
        Ok(_) | Err(_) => Fate::Kept,
    }
}

/// A file that is not there yet, for one value or a backup. It gets its name once it is whole, so that even a
/// kill leaves none or all of it; where the file system cannot have a file without a name
/// (`O_TMPFILE`, open(2)), it has it from the start, and an ordinary failure takes it away again.
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
    name: Name,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// It vanishes with its descriptor.
    None,
    /// To be removed.
    Ours,
    /// To stay.
    Kept,
}

impl NewFile {
    /// Makes it, for its owner alone from the first moment, and never through a link.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::AlreadyExists`] if something has that name.
    pub(crate) fn make(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let path = path.to_owned();
        if let Ok(file) = options.clone().custom_flags(nix::libc::O_TMPFILE).open(parent(&path)) {
            return Ok(Self { path, file, name: Name::None });
        }
        let file = options.create_new(true).custom_flags(nix::libc::O_NOFOLLOW).open(&path)?;
        Ok(Self { path, file, name: Name::Ours })
    }

    /// Writes the value and a newline, durably, and keeps the file.
    ///
    /// # Errors
    /// As [`NewFile::make`] and [`fn@line`]; what was written is gone then.
    pub(crate) fn keep(self, value: &SecretBytes) -> io::Result<()> {
        line(value, &self.file)?;
        self.keep_written()
    }

    /// A descriptor of it, for who is to write it.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }

    /// Keeps the file, durably, with what somebody else has written.
    ///
    /// # Errors
    /// As [`NewFile::make`]; what was written is gone then.
    pub(crate) fn keep_written(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.name == Name::None {
            // Gives it a name that is free: whatever has it already stays, a link too.
            let unnamed = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            linkat(AT_FDCWD, unnamed.as_str(), AT_FDCWD, &self.path, AtFlags::AT_SYMLINK_FOLLOW)?;
            self.name = Name::Ours;
        }
        sync(parent(&self.path))?;
        self.name = Name::Kept;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        match self.name {
            Name::None | Name::Kept => {}
            Name::Ours => drop(std::fs::remove_file(&self.path)),
        }
    }
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn sync(directory: &Path) -> io::Result<()> {
    match File::open(directory) {
        Ok(directory) => directory.sync_all(),
        // One that may be written to and not read: the file itself is synced.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "INV-02: the tests make values of their own")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn value(bytes: &[u8]) -> SecretBytes {
        let mut value = SecretBytes::zeroed(bytes.len()).unwrap();
        value.expose_mut().copy_from_slice(bytes);
        value
    }

    #[test]
    fn a_kept_file_has_the_value_and_a_newline_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        NewFile::make(&path).unwrap().keep(&value(b"ugent_x")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ugent_x\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let again = NewFile::make(&path).and_then(|file| file.keep(&value(b"ugent_y")));
        assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"ugent_x\n", "what was there stays");
    }

    #[test]
    fn a_file_that_was_not_kept_is_gone_and_a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        drop(NewFile::make(&path).unwrap());
        assert!(path.symlink_metadata().is_err());
        std::os::unix::fs::symlink(place.path().join("elsewhere"), &path).unwrap();
        assert!(NewFile::make(&path).and_then(|file| file.keep(&value(b"x"))).is_err());
        assert!(!place.path().join("elsewhere").exists());
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "only the link is there");
    }

    #[test]
    fn a_file_that_has_its_name_from_the_start_is_removed_unless_it_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        let named = || NewFile { path: path.clone(), file: File::create(&path).unwrap(), name: Name::Ours };
        drop(named());
        assert!(!path.exists());
        named().keep(&value(b"ugent_x")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ugent_x\n");
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failed = NewFile { path: path.clone(), file: full, name: Name::Ours };
        assert!(failed.keep(&value(b"x")).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn only_what_goes_to_dev_null_is_lost() {
        let open = |path: &str| OpenOptions::new().write(true).open(path).unwrap();
        assert_eq!(fate(open("/dev/null")), Fate::Lost);
        for path in ["/dev/zero", "/dev/full"] {
            assert_eq!(fate(open(path)), Fate::Kept, "{path}");
        }
        assert_eq!(fate(tempfile::tempfile().unwrap()), Fate::Kept);
        assert_eq!(fate(std::os::unix::net::UnixStream::pair().unwrap().0), Fate::Kept);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(line(&value(b"x"), full).is_err());
    }
}
