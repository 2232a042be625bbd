//! A `.env` file: read into locked memory, taken apart there, and written anew with references in the
//! place of values. Names and line numbers come out of it, and a value only in a slot of its own; no
//! error holds any of the file's text.

mod grammar;
mod rewrite;

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;
use proto::failure::{Failure, FailureClass};
use proto::frame::VALUE_MAX;
use proto::hazmat::{NoSlot, SecretBytes};
use proto::name::Handle;
use unix::wash;

use super::input::{InputError, fill};

pub(crate) use grammar::Mistake;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    /// As it is.
    None,
    /// As it is, between single quotes.
    Single,
    /// With escapes, between double quotes.
    Double,
}

/// One variable of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name: letters, digits and `_`.
    pub(crate) name: String,
    /// Where it stands, counted from 1.
    pub(crate) line: u32,
    /// Its value as it is written, less its quotes.
    text: Range<usize>,
    quotes: Quotes,
}

/// A file, taken apart.
pub(crate) struct EnvFile {
    bytes: SecretBytes,
    variables: Vec<Variable>,
}

impl EnvFile {
    /// Reads a file of at most 64 KiB.
    ///
    /// # Errors
    /// [`Failure`] with the line of a mistake, and nothing else of the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = read(path)?;
        let parsed = grammar::parse(&bytes);
        wash::registers();
        let variables = parsed.map_err(|(line, mistake)| not_understood(path, line, mistake))?;
        Ok(Self { bytes, variables })
    }

    /// All variables, in the file's order; no name comes twice.
    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Whether there is nothing in it.
    #[expect(clippy::unused_self, reason = "the text is the file's, though its length is known here")]
    pub(crate) fn is_empty(&self, variable: &Variable) -> bool {
        variable.text.is_empty()
    }

    /// Whether it is a handle, as a reference is.
    #[expect(clippy::disallowed_methods, reason = "INV-02: what is a handle is no value")]
    pub(crate) fn is_reference(&self, variable: &Variable) -> bool {
        let text = self.bytes.expose().get(variable.text.clone()).unwrap_or_default();
        text.starts_with(b"@") && std::str::from_utf8(text).is_ok_and(|text| Handle::parse(text).is_ok())
    }

    /// Whether it is written with that at its begin.
    #[expect(clippy::disallowed_methods, reason = "INV-02: looks at the begin of a value, in its slot")]
    pub(crate) fn begins(&self, variable: &Variable, with: &str) -> bool {
        self.bytes.expose().get(variable.text.clone()).is_some_and(|text| text.starts_with(with.as_bytes()))
    }

    /// What it means, in a slot of its own.
    ///
    /// # Errors
    /// [`NoSlot`] if no locked memory is left.
    #[expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot")]
    pub(crate) fn value(&self, variable: &Variable) -> Result<SecretBytes, NoSlot> {
        let text = self.bytes.expose().get(variable.text.clone()).unwrap_or_default();
        let mut value = SecretBytes::zeroed(text.len())?;
        let length = match variable.quotes {
            Quotes::None | Quotes::Single => {
                value.expose_mut().copy_from_slice(text);
                text.len()
            }
            Quotes::Double => grammar::unescape(text, value.expose_mut()),
        };
        value.truncate(length);
        wash::registers();
        Ok(value)
    }
}

fn read(path: &Path) -> Result<SecretBytes, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let what = format!("{} could not be read: {error}", path.display());
        Failure::new(FailureClass::Io, what, "name a file you can read, as in: --env-file .env")
    };
    let file = open(path).map_err(|error| failed(&error))?;
    let mut bytes = SecretBytes::zeroed(VALUE_MAX).map_err(crate::ending::no_slot)?;
    let filled = fill(&file, &mut bytes).map_err(|error| failed(&error))?;
    let mut more = SecretBytes::zeroed(1).map_err(crate::ending::no_slot)?;
    if fill(&file, &mut more).map_err(|error| failed(&error))? > 0 {
        return Err(Failure::new(
            FailureClass::BadInput,
            format!("{} {}", path.display(), InputError::TooLong),
            "import it in parts",
        ));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// A pipe would be empty the second time, and one without a writer would keep us waiting here.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

fn not_understood(path: &Path, line: u32, mistake: Mistake) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{} line {line}: {mistake}; nothing was imported", path.display()),
        mistake.mend(),
    )
}

#[cfg(test)]
mod tests;
