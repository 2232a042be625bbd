//! A file in the place of another: written beside it, synced, and renamed over it in one step, with the
//! other's owner and mode. Nothing happens if the other is not what was read. Never a copy of the old one.

#![expect(clippy::disallowed_methods, reason = "INV-02: a file with values in it is read again and compared")]

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use proto::hazmat::Room;

use super::output::{all, parent, sync};

/// Puts `new` in the place of `old`, which was read from there; a link is followed, and what it names
/// replaced. When this returns, the new one is durable.
///
/// # Errors
/// What the kernel says, or that the file was changed meanwhile; it is what it was then.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let path = path.canonicalize()?;
    let unfinished = Unfinished::make(&path)?;
    all(new, &unfinished.file).and_then(|()| unfinished.file.sync_all())?;
    if !is_still(&path, old)? {
        return Err(io::Error::other("it was changed meanwhile"));
    }
    unfinished.take_place(&path)
}

/// A file's text in locked memory.
///
/// # Errors
/// It is no file, or longer than that, or cannot be read, or there is no locked memory for it.
pub(super) fn read(path: &Path, longest: usize) -> io::Result<Room> {
    // A pipe would be empty the second time, and one without a writer would keep us waiting here.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let length = usize::try_from(meta.len()).map_err(io::Error::other)?;
    // One more, so that a file which grows is found out.
    let mut text = Room::zeroed(length.min(longest).saturating_add(1)).map_err(io::Error::other)?;
    let filled = fill(&file, text.expose_mut())?;
    if filled > length || filled > longest {
        return Err(io::Error::other(match filled > longest {
            true => format!("it is longer than {} KiB", longest / 1024),
            false => "it is being written".to_owned(),
        }));
    }
    let mut whole = Room::zeroed(filled).map_err(io::Error::other)?;
    whole.expose_mut().copy_from_slice(text.expose().get(..filled).unwrap_or_default());
    Ok(whole)
}

fn is_still(path: &Path, old: &[u8]) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut now = Room::zeroed(old.len().saturating_add(1)).map_err(io::Error::other)?;
    let filled = fill(&file, now.expose_mut())?;
    Ok(now.expose().get(..filled) == Some(old))
}

fn fill(file: &File, mut rest: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while !rest.is_empty() {
        match nix::unistd::read(file, rest) {
            Ok(0) => break,
            Ok(bytes) => {
                filled += bytes;
                rest = rest.get_mut(bytes..).unwrap_or_default();
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// A new file beside the old one; gone when dropped, unless it has taken its place.
struct Unfinished {
    file: File,
    path: Option<PathBuf>,
}

impl Unfinished {
    /// For its owner alone until it has the old one's owner and mode.
    fn make(old: &Path) -> io::Result<Self> {
        let mut name = old.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let path = old.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let new = Self { file: options.open(&path)?, path: Some(path) };
        let (theirs, ours) = (old.metadata()?, new.file.metadata()?);
        if (theirs.uid(), theirs.gid()) != (ours.uid(), ours.gid()) {
            fchown(&new.file, Some(theirs.uid()), Some(theirs.gid()))?;
        }
        new.file.set_permissions(Permissions::from_mode(theirs.mode() & 0o7777))?;
        Ok(new)
    }

    fn take_place(mut self, old: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            std::fs::rename(path, old)?;
        }
        self.path = None;
        sync(parent(old))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
