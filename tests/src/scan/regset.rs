//! Register sets of a stopped thread: the fence around this crate's unsafe code.

#![expect(unsafe_code, reason = "ptrace(2) with a register set has no safe form")]

use std::io;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// Which registers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Registers {
    /// The general ones.
    General,
    /// The vector registers, in their whole width.
    Vector,
}

impl Registers {
    /// The note type of linux/elf.h.
    const fn note(self) -> libc::c_int {
        match self {
            Self::General => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Vector => 0x202,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Vector => 2,
        }
    }
}

/// Their bytes. The thread must be stopped, and traced by this thread.
pub(super) fn of(thread: Pid, which: Registers) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; 64 * 1024];
    let mut room = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: the kernel writes at most `iov_len` bytes to `iov_base`, which are those of `bytes`,
    // and sets `iov_len` to how many it wrote.
    let result =
        unsafe { libc::ptrace(libc::PTRACE_GETREGSET, thread.as_raw(), which.note(), &raw mut room) };
    Errno::result(result)?;
    bytes.truncate(room.iov_len);
    Ok(bytes)
}
