//! A token on its way out: from its slot to a descriptor by raw writes, so that no buffer keeps a
//! copy.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::write;
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
    let mut written = 0;
    while let Some(rest) = line.expose().get(written..).filter(|rest| !rest.is_empty()) {
        match write(&to, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => written += bytes,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A file that was not there before, for one value: removed again unless it was kept.
pub(crate) struct NewFile {
    path: PathBuf,
    file: Option<File>,
}

impl NewFile {
    /// Makes it, for its owner alone from the first moment, and never through a link.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::AlreadyExists`] if something has that name.
    pub(crate) fn make(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
        let file = options.open(path)?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Writes the value and a newline, durably, and keeps the file.
    ///
    /// # Errors
    /// As [`line`]; the file is gone then.
    pub(crate) fn keep(mut self, value: &SecretBytes) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        line(value, file)?;
        file.sync_all()?;
        sync_parent(&self.path)?;
        self.file = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match File::open(parent.unwrap_or(Path::new("."))) {
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
        assert_eq!(NewFile::make(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"ugent_x\n", "what was there stays");
    }

    #[test]
    fn a_file_that_was_not_kept_is_gone_and_a_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        drop(NewFile::make(&path).unwrap());
        assert!(path.symlink_metadata().is_err());
        std::os::unix::fs::symlink(place.path().join("elsewhere"), &path).unwrap();
        assert!(NewFile::make(&path).is_err());
        assert!(!place.path().join("elsewhere").exists());
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(line(&value(b"x"), full).is_err());
    }
}
