//! Where `init` is to keep values: what was asked for, else in the keychain where there is one. Where
//! there is none it says what is missing, and a person may choose the file vault; nobody else falls
//! back to it.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use proto::failure::{Failure, FailureClass};
use proto::name::Backend;

use crate::keeper::probe;
use crate::session::Session;

/// What `init` is to ask for; none where it was chosen before.
pub(super) fn choose(session: &Session) -> Result<Option<Backend>, Failure> {
    if session.home.has_vault() || session.home.is_in_keychain() {
        return Ok(session.settings.backend);
    }
    let asked = session.settings.backend;
    if asked == Some(Backend::FileVault) {
        return Ok(asked);
    }
    let Some(failure) = probe::probe(session)?.failure() else {
        return Ok(Some(Backend::Keychain));
    };
    match asked {
        Some(_) => Err(Failure {
            what: format!("the keychain cannot be used, so nothing was made: {}", failure.what),
            hint: format!("{}; or without it: {WITHOUT}", failure.hint),
            ..failure
        }),
        None if stdin().is_terminal() && stderr().is_terminal() => offer(&failure),
        None => Err(Failure {
            what: format!("there is no keychain to be used, so nothing was made: {}", failure.what),
            hint: format!("{WITHOUT}   (an encrypted file vault with a passphrase); or: {}", failure.hint),
            ..failure
        }),
    }
}

const WITHOUT: &str = "ugent secret init --backend file-vault";

fn offer(failure: &Failure) -> Result<Option<Backend>, Failure> {
    let mut shown = stderr().lock();
    let _ = writeln!(shown, "There is no keychain to be used: {}.", failure.what);
    let _ = writeln!(shown, "What mends that: {}", failure.hint);
    let _ = write!(shown, "Keep values in an encrypted file vault instead, with a passphrase? [y/N] ");
    drop(shown);
    let mut answer = String::new();
    match (stdin().lock().read_line(&mut answer), answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(Some(Backend::FileVault)),
        (Ok(_), _) | (Err(_), _) => Err(Failure::new(FailureClass::Unreachable, "nothing was made", WITHOUT)),
    }
}
