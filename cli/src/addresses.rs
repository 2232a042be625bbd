//! Where a running broker is reached, as `broker start` and the launcher print it.

use std::io::{self, Write};

use proto::standing::LauncherStanding;

use crate::home::Home;

/// Whether the keys are out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Requests get their values.
    Here,
    /// Every request is refused until the vault is unlocked.
    Away,
}

impl Keys {
    /// As keeperd reports it.
    pub(crate) const fn from_locked(locked: bool) -> Self {
        if locked { Self::Away } else { Self::Here }
    }
}

/// Prints URL, sockets and token file.
pub(crate) fn print(
    out: &mut impl Write,
    home: &Home,
    launcher: &LauncherStanding,
    keys: Keys,
) -> io::Result<()> {
    if let Some(address) = &launcher.tcp {
        writeln!(out, "url: http://{address}")?;
    }
    for socket in &launcher.sockets {
        writeln!(out, "socket: {socket}")?;
    }
    if let Some(token) = home.token() {
        writeln!(out, "token: {}", token.display())?;
    }
    match keys {
        Keys::Here => {}
        Keys::Away if home.is_in_keychain() => writeln!(out, "keys: in the keychain, until they are used")?,
        Keys::Away => writeln!(out, "locked: no value is released until: {}", home.command("unlock"))?,
    }
    Ok(())
}
