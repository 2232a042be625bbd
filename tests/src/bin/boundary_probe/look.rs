//! Looks into a process by every way there is, as another program of its own user: root would be let
//! in for its capabilities, and without them be refused for its uid, whatever the process is.

#![expect(unsafe_code, reason = "a debugger's calls have no safe form")]

use std::fs::{File, read_link};
use std::io;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Uid;
use proto::control_lane::Account;
use unix::surrender::{self, Capability};

/// What a process of a broker may keep, and a look into it may have, too. Without CAP_SYS_ADMIN a
/// root launcher would be closed for its capabilities alone.
const LAUNCHERS: [Capability; 6] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_KILL,
];

/// As who looks.
#[derive(Clone, Copy)]
pub(super) enum As {
    /// A program of the process's user.
    Plain,
    /// One that holds the process's capabilities besides.
    Able,
}

/// What came of each way, as `way=result`.
pub(super) fn at(pid: &str, who: As) -> Option<String> {
    let number: libc::pid_t = pid.parse().ok()?;
    as_owner_of(pid, who)?;
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

/// The same look at a program that is held by nothing, of the user whose that process is.
pub(super) fn at_a_child_beside(pid: &str) -> Option<String> {
    as_owner_of(pid, As::Plain)?;
    let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().ok()?;
    let seen = at(&child.id().to_string(), As::Plain);
    let _ = child.kill();
    let _ = child.wait();
    seen
}

/// Root becomes the process's user; others are it, or do not look.
fn as_owner_of(pid: &str, who: As) -> Option<()> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let word = |label: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'))?;
        line.split_whitespace().next()
    };
    let account = Account { uid: word("Uid")?.parse().ok()?, gid: word("Gid")?.parse().ok()? };
    let permitted = match who {
        As::Plain => 0,
        As::Able => u64::from_str_radix(word("CapPrm")?, 16).ok()?,
    };
    surrender::new_privileges().ok()?;
    if surrender::has(&[Capability::CAP_SETUID, Capability::CAP_SETGID]) {
        surrender::user(account).ok()?;
    }
    let kept: Vec<_> = LAUNCHERS.into_iter().filter(|kept| permitted & kept.bitmask() != 0).collect();
    surrender::capabilities_but(&kept).ok()?;
    (Uid::effective().as_raw() == account.uid).then_some(())
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
