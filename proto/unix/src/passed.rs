//! Descriptors that reach a process as bare numbers: from SCM_RIGHTS, and as fd 0 at start.
//! The fence around this crate's unsafe code.

#![expect(unsafe_code, reason = "a descriptor that comes as a number has no safe way into OwnedFd")]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

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

/// A copy of a descriptor that an option names by its number, such as `--passphrase-fd 3`; closed
/// in children. `None` when no such descriptor is open.
#[must_use]
pub fn named(number: RawFd) -> Option<OwnedFd> {
    if number < 0 {
        return None;
    }
    // SAFETY: F_DUPFD_CLOEXEC only looks the number up, and fails with EBADF where it is not open.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    // SAFETY: the kernel has just returned this new descriptor to us alone.
    (copy >= 0).then(|| unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Keeps every descriptor above stderr from reaching a child, whoever left it open for us.
///
/// # Errors
/// The kernel's refusal (Linux before 5.11 does not know how).
pub fn none_to_children() -> std::io::Result<()> {
    // SAFETY: sets a flag on open descriptors and closes none.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A descriptor that becomes readable when that process has ended (pidfd_open(2)).
///
/// # Errors
/// The kernel's refusal: ESRCH when there is no such process.
pub fn process(pid: u32) -> std::io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor (CLOEXEC) or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0u32) };
    match RawFd::try_from(fd) {
        // SAFETY: the kernel has just returned this descriptor to us alone.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Ok(_) | Err(_) => Err(std::io::Error::last_os_error()),
    }
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
