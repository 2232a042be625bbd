//! A passphrase to the one child that needs it: through a pipe that is its stdin.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use proto::hazmat::SecretBytes;

/// Most bytes a pipe takes at once on every Linux (pipe(7)): nobody reads it yet.
const PIPE: usize = 4096;

/// The reading end of a pipe that holds the passphrase and then ends.
///
/// # Errors
/// The kernel's refusal, or that it is longer than a pipe is sure to hold.
#[expect(clippy::disallowed_methods, reason = "INV-02: the passphrase goes from its slot to the pipe")]
pub(crate) fn pipe(passphrase: SecretBytes) -> io::Result<OwnedFd> {
    if passphrase.len() > PIPE {
        return Err(io::Error::other("a passphrase may have at most 4096 bytes"));
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(passphrase.expose())?;
    Ok(reader.into())
}
