//! One broker a home: a lock on the directory `secrets/`, held for the launcher's life. The kernel
//! lets go of it when the launcher dies, however it dies.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use nix::libc::{O_DIRECTORY, O_NOFOLLOW};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use proto::failure::{Failure, FailureClass};

use crate::home::Home;

/// The lock. Whoever holds it may take over what a dead broker has left.
#[must_use]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

/// Takes it, or says who has it.
pub(super) fn take(home: &Home) -> Result<Lock, Failure> {
    let path = home.secrets();
    let failed = |error: std::io::Error| {
        Failure::new(FailureClass::Io, format!("{} could not be locked: {error}", path.display()), "")
    };
    let directory =
        File::options().read(true).custom_flags(O_DIRECTORY | O_NOFOLLOW).open(&path).map_err(failed)?;
    match directory.try_lock() {
        Ok(()) => Ok(Lock(directory)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let who = holder(home).map_or_else(|| "not listening yet".to_owned(), |pid| format!("pid {pid}"));
            let what = format!("a broker is already running for {} ({who})", home.path().display());
            Err(Failure::new(
                FailureClass::TryAgain,
                what,
                "ugent secret broker status, or: ugent secret broker stop",
            ))
        }
    }
}

/// On a listening socket the kernel names the process that listens: the other launcher.
fn holder(home: &Home) -> Option<i32> {
    let socket = UnixStream::connect(home.keeper_socket()).ok()?;
    getsockopt(&socket, PeerCredentials).ok().map(|peer| peer.pid())
}
