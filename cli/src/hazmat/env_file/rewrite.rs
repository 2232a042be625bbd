//! The same file with references in the place of values: all else stays as it is, to the byte. The new
//! one takes the place of the old in one step, and only if that is still the one that was read.

#![expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot, and from there to the kernel")]

use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::{NoSlot, SecretBytes};
use proto::name::Handle;
use unix::wash;

use super::{EnvFile, Quotes, Variable};
use crate::hazmat::in_place;

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
        in_place::replace(path, self.bytes.expose(), text.expose())
            .map_err(|error| not_rewritten(path, &error.to_string()))
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

fn not_rewritten(path: &Path, why: &str) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("{} could not be rewritten: {why}", path.display()),
        "put the references in by hand: NAME=@name",
    )
}
