//! Whether another program of a process's own user can look into it (INV-08), found out by looking
//! as that program would.
//!
//! As root alone this shows nothing: with its capabilities the kernel lets it see everything, and
//! without them refuses it whatever belongs to another user before it asks whether that is dumpable.
//! So root looks as the process's user and group: without a capability, and into a process that has
//! some with just these, so that it is not their lack that is refused. Nothing of what is found may
//! be read: a look ends where it is let in.

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::{self, ErrorKind};

use caps::{CapSet, CapsHashSet};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use crate::surrender::refused;

/// What came of the look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insight {
    /// The process has ended, or we are neither its user nor root.
    NotTried,
    /// Refused in every way.
    Refused,
    /// Its memory, its map or its environment can be read.
    Open,
}

impl Insight {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTried => "not_tried",
            Self::Refused => "refused",
            Self::Open => "open",
        }
    }
}

/// Looks. This thread is somebody else meanwhile.
#[must_use]
pub fn look(pid: u32) -> Insight {
    let Some(owner) = Owner::of(pid) else { return Insight::NotTried };
    let plain = owner.look(0, || tried(pid, &["maps", "environ", "mem"]));
    // Linux lets CAP_SYS_ADMIN read anybody's map and environment, as it lets CAP_PERFMON, but not memory.
    let as_able = owner.look(owner.permitted, || tried(pid, &["mem"]));
    match (plain, as_able) {
        (Ok(Insight::Open), _) | (_, Ok(Insight::Open)) => Insight::Open,
        (Ok(Insight::Refused), Ok(Insight::Refused)) => Insight::Refused,
        (
            Ok(Insight::Refused | Insight::NotTried) | Err(_),
            Ok(Insight::Refused | Insight::NotTried) | Err(_),
        ) => Insight::NotTried,
    }
}

fn tried(pid: u32, entries: &[&str]) -> Insight {
    let open = |entry: &&str| File::open(format!("/proc/{pid}/{entry}")).map(drop);
    let tried: Vec<io::Result<()>> = entries.iter().map(open).collect();
    let is_refused = |result: &io::Result<()>| {
        result.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    if tried.iter().any(Result::is_ok) {
        Insight::Open
    } else if tried.iter().all(is_refused) {
        Insight::Refused
    } else {
        // It has ended.
        Insight::NotTried
    }
}

/// Whose a process is.
struct Owner {
    uid: Uid,
    gid: Gid,
    /// Its permitted capabilities.
    permitted: u64,
}

impl Owner {
    /// As the kernel says (proc_pid_status(5)).
    fn of(pid: u32) -> Option<Self> {
        let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
        let lines: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
        let number = |label| lines.get(label)?.split_whitespace().next()?.parse().ok();
        Some(Self {
            uid: Uid::from_raw(number("Uid")?),
            gid: Gid::from_raw(number("Gid")?),
            permitted: u64::from_str_radix(lines.get("CapPrm")?.trim(), 16).ok()?,
        })
    }

    /// Looks as this user, with those capabilities as far as we hold them. What /proc asks for are the ids and capabilities of a thread's file
    /// accesses (ptrace(2), PTRACE_MODE_FSCREDS), so no others are changed.
    fn look(&self, with: u64, look: impl FnOnce() -> Insight) -> io::Result<Insight> {
        let had = caps::read(None, CapSet::Effective).map_err(refused)?;
        let lent: CapsHashSet = had.iter().copied().filter(|held| with & held.bitmask() != 0).collect();
        let gid = setfsgid(self.gid);
        let uid = setfsuid(self.uid);
        // Whoever may not change them keeps what it had, without an error.
        let is_it = setfsuid(self.uid) == self.uid && setfsgid(self.gid) == self.gid;
        let seen = caps::set(None, CapSet::Effective, &lent).map(|()| is_it.then(look));
        let restored = caps::set(None, CapSet::Effective, &had);
        setfsuid(uid);
        setfsgid(gid);
        let seen = restored.and(seen).map_err(refused)?;
        Ok(seen.unwrap_or(Insight::NotTried))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(change: impl FnOnce(&mut Command)) -> Child {
        let mut command = Command::new("sleep");
        change(command.arg("600"));
        command.spawn().unwrap()
    }

    fn of(child: &mut Child) -> Insight {
        let seen = look(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        seen
    }

    #[test]
    fn an_ordinary_program_can_be_looked_into_and_one_that_is_gone_cannot() {
        let mut child = sleeper(|_| ());
        let pid = child.id();
        assert_eq!(of(&mut child), Insight::Open);
        assert_eq!(look(pid), Insight::NotTried);
    }

    /// Else a refusal of another user's process would say nothing.
    #[test]
    fn root_sees_into_an_ordinary_program_of_another_user_and_is_itself_again_after() {
        use std::os::unix::process::CommandExt;

        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let before = caps::read(None, CapSet::Effective).unwrap();
        let mut child = sleeper(|command| {
            command.uid(65534).gid(65534);
        });
        assert_eq!(of(&mut child), Insight::Open);
        assert_eq!(caps::read(None, CapSet::Effective).unwrap(), before);
        assert_eq!(setfsuid(Uid::from_raw(u32::MAX)), Uid::from_raw(0));
        assert_eq!(setfsgid(Gid::from_raw(u32::MAX)), Gid::from_raw(0));
    }
}
