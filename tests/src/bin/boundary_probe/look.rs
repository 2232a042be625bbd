//! Looks into a process of the same user, by every way there is, without a capability.

#![expect(unsafe_code, reason = "a debugger's calls have no safe form")]

use std::fs::{File, read_link};
use std::io;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;

/// What came of each way, as `way=result`.
pub(super) fn at(pid: &str) -> Option<String> {
    let number: libc::pid_t = pid.parse().ok()?;
    as_nobody_special()?;
    let opened = |name: &str| outcome(File::open(format!("/proc/{pid}/{name}")).map(drop));
    let peer = unix::passed::process(u32::try_from(number).ok()?).ok()?;
    let peer = std::os::fd::AsRawFd::as_raw_fd(&peer);
    // SAFETY: attaches to a process, takes a descriptor of it, and reads a word of it into `word`,
    // which outlives the call; none of them touches other memory of ours.
    let (seized, taken, read) = unsafe {
        let mut word = [0_u8; 8];
        let place: *mut libc::c_void = word.as_mut_ptr().cast();
        let part = libc::iovec { iov_base: place, iov_len: word.len() };
        let seized = called(libc::ptrace(libc::PTRACE_SEIZE, number, 0, 0));
        let taken = called(libc::syscall(libc::SYS_pidfd_getfd, peer, 0, 0));
        let read = libc::process_vm_readv(number, &raw const part, 1, &raw const part, 1, 0);
        (seized, taken, called(i64::try_from(read).unwrap_or(-1)))
    };
    let ways = [
        ("mem", opened("mem")),
        ("environ", opened("environ")),
        ("maps", opened("maps")),
        ("fd", opened("fd/0")),
        ("fd_link", outcome(read_link(format!("/proc/{pid}/fd/0")).map(drop))),
        ("net_ns", outcome(read_link(format!("/proc/{pid}/ns/net")).map(drop))),
        ("ptrace", seized),
        ("pidfd_getfd", taken),
        ("process_vm_readv", read),
    ];
    Some(ways.map(|(way, result)| format!("{way}={result}")).join(" "))
}

/// The same look at a program that is held by nothing.
pub(super) fn at_a_child() -> Option<String> {
    as_nobody_special()?;
    let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().ok()?;
    let seen = at(&child.id().to_string());
    let _ = child.kill();
    let _ = child.wait();
    seen
}

/// Root looks as what the daemons are: uid 0, and nothing else. So do its children.
fn as_nobody_special() -> Option<()> {
    unix::surrender::new_privileges().ok()?;
    unix::surrender::capabilities().ok().map(drop)
}

fn outcome(result: io::Result<()>) -> String {
    match result.map_err(|error| error.raw_os_error().unwrap_or_default()) {
        Ok(()) => "done".to_owned(),
        Err(errno) => format!("{:?}", Errno::from_raw(errno)),
    }
}

fn called(result: impl Into<i64>) -> String {
    let result = if result.into() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    outcome(result)
}
