//! The loopback port where a service manager holds it for us (sd_listen_fds(3)): clients wait there
//! while the broker is started, and none is refused while it is replaced.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::RawFd;

use nix::sys::socket::{getsockopt, sockopt};
use proto::failure::{Failure, FailureClass};

/// The first descriptor that is passed on.
const FIRST: RawFd = 3;

/// A port that listens already.
pub(super) type PassedOn = (SocketAddr, TcpListener);

/// The port we were given, if we were given one. It takes the place of the address that is set. To
/// be called before anything is opened: it is known by its number alone.
pub(super) fn listener() -> Result<Option<PassedOn>, Failure> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    // Meant for whoever has that pid, and not for those it starts.
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => Ok(None),
        Some(1) => taken_over().map(Some),
        Some(count) => Err(unfit(&format!("{count} sockets instead of one"))),
    }
}

fn taken_over() -> Result<PassedOn, Failure> {
    let Some(fd) = unix::passed::taken_over(FIRST) else {
        return Err(unfit("no open socket"));
    };
    if getsockopt(&fd, sockopt::AcceptConn) != Ok(true) {
        return Err(unfit("what does not listen"));
    }
    let listener = TcpListener::from(fd);
    match listener.local_addr() {
        Ok(address) if address.ip().is_loopback() => Ok((address, listener)),
        Ok(address) => Err(unfit(&format!("{address}, where others than this machine could connect"))),
        // A Unix socket has no such address.
        Err(_) => Err(unfit("a socket that is not TCP")),
    }
}

fn unfit(what: &str) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("the service manager passed on {what}"),
        "let its socket unit have one line: ListenStream=127.0.0.1:18443",
    )
}
