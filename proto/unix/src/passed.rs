//! Descriptors that reach a process as bare numbers: from SCM_RIGHTS, and as fd 0 at start.
//! The fence around this crate's unsafe code.

#![expect(unsafe_code, reason = "a descriptor that comes as a number has no safe way into OwnedFd")]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes over the control lane a daemon is started with on fd 0. Only once a process; `None`
/// after that, and when fd 0 is not a Unix stream socket (somebody started a daemon by hand).
#[must_use]
pub fn control_lane() -> Option<UnixStream> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return None;
    }
    let is_open = nix::fcntl::fcntl(std::io::stdin(), nix::fcntl::FcntlArg::F_GETFD).is_ok();
    if !is_open {
        return None;
    }
    // SAFETY: fd 0 is open, and the flag above makes this the only owner; no daemon reads stdin.
    let fd = unsafe { OwnedFd::from_raw_fd(0) };
    let kind = nix::sys::socket::getsockopt(&fd, nix::sys::socket::sockopt::SockType);
    let domain =
        nix::sys::socket::getsockname::<nix::sys::socket::UnixAddr>(std::os::fd::AsRawFd::as_raw_fd(&fd));
    if kind == Ok(nix::sys::socket::SockType::Stream) && domain.is_ok() {
        return Some(UnixStream::from(fd));
    }
    None
}

/// Owns the descriptors of one SCM_RIGHTS message.
pub(crate) fn own(numbers: Vec<RawFd>) -> Vec<OwnedFd> {
    numbers
        .into_iter()
        // SAFETY: recvmsg has just made these descriptors for us, and each number stands in one
        // ancillary message only, which is parsed once.
        .map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect()
}
