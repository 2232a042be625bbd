//! What a process gives up before it reads a byte of anybody it need not trust (INV-08).
//!
//! Each function gives up one thing, reads back from the kernel that it is gone, and names it. A
//! caller for whom a surrender fails must end: there is no weaker mode.

use std::io;

pub use caps::Capability;
use caps::{CapSet, CapsHashSet};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};
use proto::control_lane::Account;
use proto::standing::Layer;

/// No core file, whatever happens: sets RLIMIT_CORE to 0, soft and hard.
///
/// # Errors
/// The kernel's refusal, or that the limit did not hold.
pub fn cores() -> io::Result<Layer> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    held(getrlimit(Resource::RLIMIT_CORE)? == (0, 0), Layer::NoCore)
}

/// No core file of this process, which another program may take the place of: as [`cores`], but only
/// the soft limit. Gives what it was.
///
/// # Errors
/// The kernel's refusal.
pub fn cores_for_now() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
    Ok(soft)
}

/// The soft limit again, for that program.
///
/// # Errors
/// The kernel's refusal.
pub fn cores_again(soft: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    setrlimit(Resource::RLIMIT_CORE, soft.min(hard), hard)?;
    Ok(())
}

/// No look into this process by others of the same user: /proc/PID/{mem,environ,maps,fd}, ptrace
/// (prctl(2), PR_SET_DUMPABLE). Reset by exec, so it is set anew in each program.
///
/// # Errors
/// The kernel's refusal, or that it did not hold.
pub fn dumpable() -> io::Result<Layer> {
    prctl::set_dumpable(false)?;
    held(!prctl::get_dumpable()?, Layer::Undumpable)
}

/// No privilege by exec, ever again (prctl(2), PR_SET_NO_NEW_PRIVS).
///
/// # Errors
/// The kernel's refusal, or that it did not hold.
pub fn new_privileges() -> io::Result<Layer> {
    prctl::set_no_new_privs()?;
    held(prctl::get_no_new_privs()?, Layer::NoNewPrivs)
}

/// No group but the process's own. Takes CAP_SETGID.
///
/// # Errors
/// The kernel's refusal, or that one is left.
pub fn groups() -> io::Result<()> {
    setgroups(&[])?;
    if getgroups()?.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other("the kernel accepted that there are no other groups, and keeps some"))
    }
}

/// From root to somebody else, for good: no other groups, and no way back by saved ids. What may
/// look into the process is set anew by such a change, so it is closed again.
///
/// # Errors
/// The kernel's refusal, or that a part of the old identity is left.
pub fn user(account: Account) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    groups()?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (users, groups) = (getresuid()?, getresgid()?);
    let is_gone = [users.real, users.effective, users.saved] == [uid; 3]
        && [groups.real, groups.effective, groups.saved] == [gid; 3];
    if !is_gone {
        return Err(io::Error::other("the kernel accepted the user and does not hold it"));
    }
    dumpable().map(drop)
}

/// No capability by any exec: empties the bounding set, which takes a capability itself.
///
/// # Errors
/// The kernel's refusal, or that one is left; a process that may not change its bounding set has
/// to enter a user namespace of its own before.
pub fn bounding() -> io::Result<Layer> {
    caps::clear(None, CapSet::Bounding).map_err(refused)?;
    held(are_empty(&["CapBnd"])?, Layer::NoBounding)
}

/// No capability: empties the ambient, permitted, effective and inheritable sets.
///
/// # Errors
/// The kernel's refusal, or that one is left.
pub fn capabilities() -> io::Result<Layer> {
    // Emptying the permitted set empties the effective one.
    for set in [CapSet::Ambient, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).map_err(refused)?;
    }
    held(are_empty(&["CapInh", "CapPrm", "CapEff", "CapAmb"])?, Layer::NoCapabilities)
}

/// No capability but these, for this process and those it starts. Without CAP_SETPCAP the bounding
/// set stays as it is.
///
/// # Errors
/// The kernel's refusal, or that another is left.
pub fn capabilities_but(kept: &[Capability]) -> io::Result<()> {
    let before: CapsHashSet = caps::read(None, CapSet::Permitted).map_err(refused)?;
    if before.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::all().iter().filter(|capability| !kept.contains(capability)) {
            if caps::has_cap(None, CapSet::Bounding, *capability).unwrap_or(false) {
                caps::drop(None, CapSet::Bounding, *capability).map_err(refused)?;
            }
        }
    }
    let left = before.into_iter().filter(|capability| kept.contains(capability)).collect();
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        caps::clear(None, set).map_err(refused)?;
    }
    // Effective first: it may hold nothing that is not permitted.
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &left).map_err(refused)?;
    }
    let allowed = kept.iter().fold(0, |bits, capability| bits | 1_u64 << capability.index());
    if ["CapPrm", "CapEff", "CapInh", "CapAmb"]
        .iter()
        .all(|set| bits(set).is_ok_and(|bits| bits & !allowed == 0))
    {
        Ok(())
    } else {
        Err(io::Error::other("the kernel accepted fewer capabilities and leaves more"))
    }
}

/// Whether this process holds all of these.
#[must_use]
pub fn has(capabilities: &[Capability]) -> bool {
    let held = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    capabilities.iter().copied().all(held)
}

fn are_empty(sets: &[&str]) -> io::Result<bool> {
    sets.iter().try_fold(true, |are, set| Ok(are && bits(set)? == 0))
}

/// A set, by the kernel's own account, which names capabilities that no crate knows yet.
fn bits(set: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':'));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .ok_or_else(|| io::Error::other(format!("the kernel does not say what is in {set}")))
}

fn refused(error: caps::errors::CapsError) -> io::Error {
    io::Error::other(error.to_string())
}

pub(crate) fn held(holds: bool, layer: Layer) -> io::Result<Layer> {
    if holds {
        Ok(layer)
    } else {
        Err(io::Error::other(format!("the kernel accepted {layer} and does not hold it")))
    }
}
