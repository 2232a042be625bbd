//! A value or passphrase from a descriptor: raw reads into a slot, so that no buffer keeps a copy.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::unistd::read;
use proto::frame::VALUE_MAX;
use proto::hazmat::{NoSlot, SecretBytes};

/// Why an input is not taken. Nothing was sent anywhere then.
#[derive(Debug)]
pub(crate) enum InputError {
    /// Nothing, or nothing but a newline.
    Empty,
    /// A NUL byte in it.
    Nul,
    /// More than [`VALUE_MAX`] bytes.
    TooLong,
    /// No locked memory is left.
    NoSlot(NoSlot),
    /// It could not be read.
    Io(io::Error),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Nul => f.write_str("contains a NUL byte"),
            Self::TooLong => f.write_str("is longer than 64 KiB"),
            Self::NoSlot(error) => write!(f, "cannot be taken: {error}"),
            Self::Io(error) => write!(f, "could not be read: {error}"),
        }
    }
}

impl From<NoSlot> for InputError {
    fn from(error: NoSlot) -> Self {
        Self::NoSlot(error)
    }
}

/// Reads to the end of the input and drops one trailing newline.
pub(crate) fn to_the_end(from: impl AsFd) -> Result<SecretBytes, InputError> {
    let mut whole = SecretBytes::zeroed(VALUE_MAX)?;
    let filled = fill(&from, &mut whole)?;
    if filled < VALUE_MAX {
        return finish(whole, filled);
    }
    // The longest value may still be followed by its newline, and by nothing more.
    let mut behind = SecretBytes::zeroed(2)?;
    match fill(&from, &mut behind)? {
        0 => finish(whole, filled),
        1 if is_newline(&behind) => checked(whole, filled),
        _ => Err(InputError::TooLong),
    }
}

/// What one read of a terminal in line mode gives, less its newline.
pub(crate) fn one_line(from: impl AsFd) -> Result<SecretBytes, InputError> {
    let mut line = SecretBytes::zeroed(4096)?;
    let filled = read_some(&from, &mut line, 0)?;
    finish(line, filled)
}

/// Whether two inputs are the same, for a passphrase that is asked for twice.
#[expect(clippy::disallowed_methods, reason = "INV-02: both are the user's own, and neither is kept")]
pub(crate) fn same(one: &SecretBytes, other: &SecretBytes) -> bool {
    one.expose() == other.expose()
}

/// Whether there is nothing in it but white space.
#[expect(clippy::disallowed_methods, reason = "INV-02: each byte of the slot is looked at")]
pub(crate) fn is_blank(input: &SecretBytes) -> bool {
    input.expose().iter().all(u8::is_ascii_whitespace)
}

pub(super) fn fill(from: &impl AsFd, slot: &mut SecretBytes) -> Result<usize, InputError> {
    let mut filled = 0;
    while filled < slot.len() {
        match read_some(from, slot, filled)? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

#[expect(clippy::disallowed_methods, reason = "INV-02: the kernel writes the input straight into the slot")]
fn read_some(from: &impl AsFd, slot: &mut SecretBytes, filled: usize) -> Result<usize, InputError> {
    loop {
        let room = slot.expose_mut().get_mut(filled..).unwrap_or_default();
        match read(from, room) {
            Ok(bytes) => return Ok(bytes),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(InputError::Io(error.into())),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "INV-02: looks at one byte of the slot")]
fn is_newline(slot: &SecretBytes) -> bool {
    slot.expose().first() == Some(&b'\n')
}

#[expect(clippy::disallowed_methods, reason = "INV-02: looks at the slot's last byte")]
fn finish(slot: SecretBytes, filled: usize) -> Result<SecretBytes, InputError> {
    let newline = slot.expose().get(..filled).is_some_and(|bytes| bytes.ends_with(b"\n"));
    checked(slot, if newline { filled.saturating_sub(1) } else { filled })
}

/// Moves what was read to a slot of its size, if it may be a value at all.
#[expect(clippy::disallowed_methods, reason = "INV-02: from slot to slot")]
fn checked(slot: SecretBytes, len: usize) -> Result<SecretBytes, InputError> {
    let bytes = slot.expose().get(..len).unwrap_or_default();
    if bytes.is_empty() {
        return Err(InputError::Empty);
    }
    if bytes.contains(&0) {
        return Err(InputError::Nul);
    }
    let mut fitted = SecretBytes::zeroed(len)?;
    fitted.expose_mut().copy_from_slice(bytes);
    Ok(fitted)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "INV-02: the tests compare what was read")]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn given(bytes: &[u8]) -> Result<Vec<u8>, InputError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        to_the_end(&file).map(|value| value.expose().to_vec())
    }

    #[test]
    fn one_trailing_newline_is_dropped_and_no_more() {
        assert_eq!(given(b"sk-1").unwrap(), b"sk-1");
        assert_eq!(given(b"sk-1\n").unwrap(), b"sk-1");
        assert_eq!(given(b"sk-1\n\n").unwrap(), b"sk-1\n");
        assert_eq!(given(b"sk-1\r\n").unwrap(), b"sk-1\r");
        assert_eq!(given(b" a\nb ").unwrap(), b" a\nb ");
    }

    #[test]
    fn what_cannot_be_a_value_is_refused() {
        assert!(matches!(given(b""), Err(InputError::Empty)));
        assert!(matches!(given(b"\n"), Err(InputError::Empty)));
        assert!(matches!(given(b"a\0b"), Err(InputError::Nul)));
    }

    #[test]
    fn the_longest_value_is_64_kib_without_its_newline() {
        let longest = vec![b'x'; VALUE_MAX];
        assert_eq!(given(&longest).unwrap(), longest);
        assert_eq!(given(&[&longest[..], b"\n"].concat()).unwrap(), longest);
        for more in [&b"y"[..], b"\n\n", b"yy", b"\ny"] {
            assert!(matches!(given(&[&longest[..], more].concat()), Err(InputError::TooLong)));
        }
    }
}
