//! Descriptors that reach a process as bare numbers: from SCM_RIGHTS, and as fd 0 at start.
//! The fence around this crate's unsafe code.

#![expect(unsafe_code, reason = "a descriptor that comes as a number has no safe way into OwnedFd")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
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

/// As [`named`], for a descriptor that was passed on to this process for good: the number is closed,
/// so that nothing stays open behind the copy. Only before this process has opened anything itself.
#[must_use]
pub fn taken_over(number: RawFd) -> Option<OwnedFd> {
    let copy = named(number)?;
    // SAFETY: it is open, since it was just copied; and nothing owns it, since this process has opened
    // nothing yet.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    Some(copy)
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

/// The descriptors above stderr that whoever started this process has left open for it, or for what it
/// starts. Only before this process has opened anything itself.
///
/// # Errors
/// The kernel's refusal to list them.
pub fn left_open() -> std::io::Result<Vec<RawFd>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        let Some(number) = number.filter(|number| *number > 2) else { continue };
        // SAFETY: F_GETFD only looks the number up.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        // The listing's own descriptor is closed on exec, as is everything std opens.
        if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Lets a descriptor reach the program that takes this one's place.
///
/// # Errors
/// The kernel's refusal: EBADF when it is not open.
pub fn to_children(number: RawFd) -> std::io::Result<()> {
    // SAFETY: clears a flag of an open descriptor and closes none.
    let done = unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
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

/// What one read of a lane's socket brought.
pub(crate) struct Arrival {
    /// How many bytes were read.
    pub(crate) bytes: usize,
    /// Every descriptor the kernel made for us, however the read went.
    pub(crate) fds: Vec<OwnedFd>,
    /// Whether the kernel gave all that was sent.
    pub(crate) rights: Rights,
}

/// Whether the kernel gave all descriptors that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// It did.
    Whole,
    /// Some are lost: this process has no more room for descriptors (MSG_CTRUNC).
    Truncated,
}

/// Most descriptors the kernel passes at once (SCM_MAX_FD): with room for these, a peer cannot
/// make it truncate.
const RIGHTS_MAX: libc::c_uint = 253;
// SAFETY: CMSG_SPACE only computes.
const RIGHTS_SPACE: usize = unsafe { libc::CMSG_SPACE(RIGHTS_MAX * (RawFd::BITS / 8)) } as usize;

/// Reads once from a socket, and owns every descriptor that comes along, also of a truncated
/// message: the `recvmsg` of nix gives none of those out, and they would stay open for ever.
pub(crate) fn receive(socket: BorrowedFd<'_>, room: &mut [u8]) -> Result<Arrival, Errno> {
    // Of u64, since control messages must be aligned.
    let mut control = [0_u64; RIGHTS_SPACE.div_ceil(size_of::<u64>())];
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: null pointers and zero lengths are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: `message` points to `part`, which spans `room`, and to `control`, with their true
    // lengths; all of them are ours alone and outlive the call.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let bytes = Errno::result(got)?.unsigned_abs();
    let mut fds = Vec::new();
    // SAFETY: the kernel has filled `control` and says in `msg_controllen` how far.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: it is null, or a header that lies wholly within `control`.
    while let Some(header) = unsafe { next.as_ref() } {
        if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: CMSG_LEN only computes; CMSG_DATA points behind the header at `next`.
            let (empty, data) =
                unsafe { (libc::CMSG_LEN(0) as usize, libc::CMSG_DATA(next).cast::<RawFd>()) };
            for index in 0..header.cmsg_len.saturating_sub(empty) / size_of::<RawFd>() {
                // SAFETY: the kernel wrote `cmsg_len` bytes here, also of a truncated message, and
                // has just made each of these descriptors for us alone; each is read once.
                fds.push(unsafe { OwnedFd::from_raw_fd(data.add(index).read_unaligned()) });
            }
        }
        // SAFETY: as for the first; `next` came from the same message.
        next = unsafe { libc::CMSG_NXTHDR(&raw const message, next) };
    }
    let rights = if message.msg_flags & libc::MSG_CTRUNC == 0 { Rights::Whole } else { Rights::Truncated };
    Ok(Arrival { bytes, fds, rights })
}
