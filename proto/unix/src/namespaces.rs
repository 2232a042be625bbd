//! Namespaces of a process's own: what is in no namespace of ours cannot be reached, whatever the
//! code does. To be entered before there is a second thread.
//!
//! Never maps another user than the one we are: inside, we stay who we were, and everybody else
//! shows as the overflow uid.

#![expect(
    unsafe_code,
    reason = "fork has no safe form; whether a namespace is to be had shows only from inside"
)]

use std::fs::write;
use std::io;
use std::os::unix::fs::MetadataExt;

use caps::{CapSet, Capability};
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getegid, geteuid};
use proto::standing::{Layer, Namespace, NamespaceKind};

use crate::surrender::held;

/// Whom everybody outside a user namespace shows as (proc(5), overflowuid).
pub const OVERFLOW_UID: u32 = 65_534;

/// Whether root shows as root here: not in a user namespace where it is mapped to nobody. To be asked
/// before the file system is closed; `/` is root's on every system.
#[must_use]
pub fn shows_root() -> bool {
    std::fs::metadata("/").is_ok_and(|found| found.uid() == 0)
}

/// How it went with a user namespace.
#[derive(Debug)]
pub enum User {
    /// We are in one of our own.
    Entered,
    /// We may change our capabilities and namespaces without one.
    NotNeeded,
    /// None is to be had; nothing has changed.
    Refused(io::Error),
}

/// A user namespace of our own, if we need one to enter others and to empty the bounding set. To be
/// called while we are dumpable: its maps belong to root else.
///
/// # Errors
/// We are half in one and cannot go on.
pub fn user() -> io::Result<User> {
    let can = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    if can(Capability::CAP_SYS_ADMIN) && can(Capability::CAP_SETPCAP) {
        return Ok(User::NotNeeded);
    }
    if geteuid().as_raw() == OVERFLOW_UID {
        // Inside, everybody else would pass for us.
        let why = format!("in one, uid {OVERFLOW_UID} could not be told from others");
        return Ok(User::Refused(io::Error::other(why)));
    }
    // There is no way back out of one whose maps are refused, so a child tries first: that is how
    // AppArmor refuses on some distributions.
    if let Err(error) = try_in_child() {
        return Ok(User::Refused(error));
    }
    let before = inode(NamespaceKind::User)?;
    enter_user()?;
    held(inode(NamespaceKind::User)? != before, Layer::UserNamespace).map(|_| User::Entered)
}

/// A namespace of our own of that kind.
///
/// # Errors
/// The kernel's refusal, or that we are still in the old one.
pub fn enter(kind: NamespaceKind) -> io::Result<Layer> {
    let (flag, layer) = match kind {
        NamespaceKind::User => (CloneFlags::CLONE_NEWUSER, Layer::UserNamespace),
        NamespaceKind::Net => (CloneFlags::CLONE_NEWNET, Layer::NetNamespace),
        NamespaceKind::Ipc => (CloneFlags::CLONE_NEWIPC, Layer::IpcNamespace),
        NamespaceKind::Uts => (CloneFlags::CLONE_NEWUTS, Layer::UtsNamespace),
    };
    let before = inode(kind)?;
    unshare(flag)?;
    held(inode(kind)? != before, layer)
}

/// Where we are. To be called before the file system is closed.
#[must_use]
pub fn ours() -> Vec<Namespace> {
    let known = |kind: &NamespaceKind| Some(Namespace { kind: *kind, inode: inode(*kind).ok()? });
    NamespaceKind::ALL.iter().filter_map(known).collect()
}

fn inode(kind: NamespaceKind) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/self/ns/{kind}"))?.ino())
}

fn enter_user() -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    write("/proc/self/uid_map", format!("{uid} {uid} 1"))
}

fn try_in_child() -> io::Result<()> {
    // SAFETY: no thread was started yet, so the child finds no lock held by another and may
    // allocate; it ends by _exit, which runs nothing of ours.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            let status = waitpid(child, None)?;
            match status {
                WaitStatus::Exited(_, 0) => Ok(()),
                WaitStatus::Exited(_, errno) => Err(io::Error::from_raw_os_error(errno)),
                WaitStatus::Signaled(..)
                | WaitStatus::Stopped(..)
                | WaitStatus::PtraceEvent(..)
                | WaitStatus::PtraceSyscall(_)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive => {
                    Err(io::Error::other(format!("the attempt ended oddly ({status:?})")))
                }
            }
        }
        ForkResult::Child => {
            let entered = enter_user().and_then(|()| enter(NamespaceKind::Uts).map(drop));
            let errno = entered.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(errno) }
        }
    }
}
