//! A directory beside `secrets/` in which a vault is made, and its way into that place. Whoever makes one
//! has it locked; what nobody has locked was left by a kill, and may go.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use proto::failure::{Failure, FailureClass};

use crate::home::Home;

const NAME: &str = ".restore-";

/// A home of its own within a home. Gone when dropped, with all that is in it.
pub(super) struct Staging {
    real: Home,
    staged: Home,
    /// Locked (flock) for as long as this is in use.
    _lock: File,
}

impl Staging {
    /// Makes an empty one, and the home itself where that is missing.
    pub(super) fn make(real: &Home) -> Result<Self, Failure> {
        real.make()?;
        drop_left(real);
        let staged = real.within(&format!("{NAME}{}", std::process::id()));
        staged.make()?;
        match locked(staged.path()) {
            Ok(Some(_lock)) => Ok(Self { real: real.clone(), staged, _lock }),
            Ok(None) => Err(Failure::new(
                FailureClass::TryAgain,
                format!("somebody else restores in {} just now", real.path().display()),
                "wait for that, and look what is there then: ugent secret list",
            )),
            Err(error) => Err(failed(staged.path(), &error)),
        }
    }

    /// Where the vault is to be made.
    pub(super) const fn home(&self) -> &Home {
        &self.staged
    }

    /// Puts what was made in its place, durably: in one step, and only where there is nothing.
    pub(super) fn take_place(self) -> Result<(), Failure> {
        let place = self.real.secrets();
        fs::rename(self.staged.secrets(), &place).map_err(|error| {
            if error.raw_os_error() != Some(libc::ENOTEMPTY) {
                return failed(&place, &error);
            }
            Failure::new(
                FailureClass::Config,
                format!("{} was made by somebody else meanwhile; nothing was restored", place.display()),
                "UGENT_HOME=ANOTHER_DIRECTORY ugent secret restore FILE",
            )
        })?;
        let synced = File::open(self.real.path()).and_then(|home| home.sync_all());
        synced.map_err(|error| failed(&place, &error))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.staged.path());
        // With `--system` it is made together with the home. One with anything in it stays.
        let _ = fs::remove_dir(self.real.secrets());
    }
}

/// Removes what restores left that were killed. What cannot be removed now is next time.
pub(crate) fn drop_left(home: &Home) {
    for entry in fs::read_dir(home.path()).into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(NAME));
        if is_one && let Ok(Some(_lock)) = locked(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Locks a directory, never through a link; none if somebody else has, or it is gone by now.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let directory = options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(path)?;
    match directory.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let (ours, found) = (directory.metadata()?.ino(), path.symlink_metadata()?.ino());
    Ok((ours == found).then_some(directory))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    let what = format!("{} could not be made: {error}; nothing was restored", path.display());
    Failure::new(FailureClass::Io, what, "set UGENT_HOME to a place you can write to")
}
