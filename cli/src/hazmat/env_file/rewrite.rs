//! The same file with references in the place of values: all else stays as it is, to the byte. The new
//! one takes the place of the old in one step, and only if that is still the one that was read.

#![expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot, and from there to the kernel")]

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::libc;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};
use proto::name::Handle;
use unix::wash;

use super::{EnvFile, Quotes, Variable, read};
use crate::hazmat::input::same;
use crate::hazmat::output::{parent, sync, whole};

impl EnvFile {
    /// Writes the file anew, with those references; a link is followed, and what it names rewritten.
    ///
    /// # Errors
    /// [`Failure`]; the file is what it was then.
    pub(crate) fn rewrite(&self, path: &Path, references: &[(&Variable, &Handle)]) -> Result<(), Failure> {
        let rewritten = self.replace(path, references);
        // What was copied and compared must not be what this thread ends with.
        wash::registers();
        rewritten
    }

    #[inline(never)]
    fn replace(&self, path: &Path, references: &[(&Variable, &Handle)]) -> Result<(), Failure> {
        let text = self.with(references).map_err(crate::ending::no_slot)?;
        let failed = |error: io::Error| not_rewritten(path, &error.to_string());
        let path = path.canonicalize().map_err(failed)?;
        let new = Unfinished::make(&path).map_err(failed)?;
        whole(&text, &new.file).and_then(|()| new.file.sync_all()).map_err(failed)?;
        if !same(&read(&path)?, &self.bytes) {
            return Err(not_rewritten(&path, "it was changed meanwhile"));
        }
        new.take_place(&path).map_err(failed)
    }

    fn with(&self, references: &[(&Variable, &Handle)]) -> Result<SecretBytes, NoSlot> {
        let old = self.bytes.expose();
        let shown: Vec<String> = references.iter().map(|(_, handle)| handle.to_string()).collect();
        let longest = old.len().saturating_add(shown.iter().map(String::len).sum());
        let mut text = SecretBytes::zeroed(longest)?;
        let mut room = text.expose_mut().iter_mut();
        let mut length = 0;
        let mut put = |bytes: &[u8]| {
            for (byte, place) in bytes.iter().zip(room.by_ref()) {
                *place = *byte;
            }
            length += bytes.len();
        };
        let mut from = 0;
        for ((variable, _), handle) in references.iter().zip(&shown) {
            let written = variable.written();
            put(old.get(from..written.start).unwrap_or_default());
            put(handle.as_bytes());
            from = written.end;
        }
        put(old.get(from..).unwrap_or_default());
        text.truncate(length);
        Ok(text)
    }
}

impl Variable {
    /// Its value as it is written, with its quotes.
    fn written(&self) -> std::ops::Range<usize> {
        match self.quotes {
            Quotes::None => self.text.clone(),
            Quotes::Single | Quotes::Double => self.text.start.saturating_sub(1)..self.text.end + 1,
        }
    }
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

fn not_rewritten(path: &Path, why: &str) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("{} could not be rewritten: {why}", path.display()),
        "put the references in by hand: NAME=@name",
    )
}
