//! A new version of a file of UGENT_HOME, put in the place of the old one whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use proto::failure::{Failure, FailureClass};

use super::check::FILE_MAX;

/// What is being written, beside the file it is for. Whoever has it locked is the only one to write.
pub(super) struct NewFile {
    path: PathBuf,
    new: PathBuf,
    file: File,
    /// Group that must be able to read it, with `--system`.
    group: Option<u32>,
}

impl NewFile {
    /// Begins one; what a command that was cut short has left is written over.
    pub(super) fn of(path: &Path, group: Option<u32>) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            .open(&new);
        let file = opened.map_err(|error| failed(&new, &error))?;
        match file.try_lock() {
            // Not one that the former holder has just put in place, or taken away.
            Ok(()) if is_still(&file, &new) => Ok(Self { path: path.to_owned(), new, file, group }),
            Ok(()) | Err(fs::TryLockError::WouldBlock) => Err(changed(path)),
            Err(fs::TryLockError::Error(error)) => Err(failed(&new, &error)),
        }
    }

    /// What is in the file now; nothing if it is not there.
    pub(super) fn before(&self) -> Result<String, Failure> {
        let flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
        let mut text = String::new();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(&self.path);
        match opened.and_then(|file| file.take(FILE_MAX).read_to_string(&mut text)) {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(text),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }

    /// Puts the new text in the place of the old one, if that is still what it was.
    pub(super) fn put(mut self, before: &str, after: &str) -> Result<(), Failure> {
        self.write(after).map_err(|error| failed(&self.new, &error))?;
        if self.before()? != before {
            return Err(changed(&self.path));
        }
        let placed = fs::rename(&self.new, &self.path).and_then(|()| match self.path.parent() {
            Some(home) => File::open(home)?.sync_all(),
            None => Ok(()),
        });
        placed.map_err(|error| failed(&self.path, &error))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        let mode = match self.group {
            None => 0o600,
            Some(group) => {
                fchown(&self.file, None, Some(group))?;
                0o640
            }
        };
        self.file.set_permissions(Permissions::from_mode(mode))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

impl Drop for NewFile {
    /// Takes away what was not put in place; only its holder does.
    fn drop(&mut self) {
        if is_still(&self.file, &self.new) {
            let _ = fs::remove_file(&self.new);
        }
    }
}

/// Whether the file has that path.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(ours), Ok(found)) => (ours.dev(), ours.ino()) == (found.dev(), found.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn changed(path: &Path) -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        format!("{} is being changed by somebody else, and was left alone", path.display()),
        "try again in a moment",
    )
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("{} could not be written: {error}", path.display()),
        "mend the modes of UGENT_HOME, or make room; the grants are as they were",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_if_it_is_what_it_was() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.toml");
        let put = |text: &str| {
            let file = NewFile::of(&path, None).unwrap();
            let before = file.before().unwrap();
            file.put(&before, text)
        };
        put("one").unwrap();
        put("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let file = NewFile::of(&path, None).unwrap();
        let second = NewFile::of(&path, None).err().unwrap();
        assert_eq!(second.class, FailureClass::TryAgain);
        fs::write(&path, "somebody's").unwrap();
        assert_eq!(file.put("two", "three").unwrap_err().class, FailureClass::TryAgain);
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("target"), "kept").unwrap();
        let path = home.path().join("a.toml");
        std::os::unix::fs::symlink("target", home.path().join("a.toml.new")).unwrap();
        assert!(NewFile::of(&path, None).is_err());
        assert_eq!(fs::read_to_string(home.path().join("target")).unwrap(), "kept");
    }
}
