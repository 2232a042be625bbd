//! Which processes there are, as /proc tells it.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

/// A process that cannot be mistaken for a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its name in /proc/PID/comm.
    pub name: String,
    parent: i32,
    started: String,
}

impl Process {
    /// The process of that number, if it lives. A zombie does not.
    #[must_use]
    pub fn find(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split(' ').collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let parent = fields.get(1)?.parse().ok()?;
        Some(Self { pid: Pid::from_raw(pid), name, parent, started: (*fields.get(19)?).to_owned() })
    }

    /// Whether it still lives.
    #[must_use]
    pub fn lives(&self) -> bool {
        Self::find(self.pid.as_raw()).is_some_and(|now| now.started == self.started)
    }

    /// Its children that live.
    #[must_use]
    pub fn children(pid: Pid) -> Vec<Self> {
        all().into_iter().filter(|process| process.parent == pid.as_raw()).collect()
    }

    /// Whether all its threads sleep, and how often each was switched away from so far: when that
    /// stays the same, nothing has run in between.
    #[must_use]
    pub fn asleep(&self) -> Option<Vec<String>> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        let mut threads = Vec::new();
        for task in tasks.flatten() {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let of = |name| status.lines().find(|line| line.starts_with(name)).map(str::to_owned);
            of("State:").filter(|state| state.contains('S'))?;
            threads.push(of("voluntary_ctxt_switches:")?);
        }
        Some(threads)
    }

    /// Its environment, in pieces: glibc itself parts what is a list to it.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let bytes = self.proc_file("environ");
        let pieces = bytes.split(|byte| [0, b':'].contains(byte)).filter(|piece| !piece.is_empty());
        pieces.map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    }

    /// A file of its directory in /proc, as far as it may be read.
    #[must_use]
    pub fn proc_file(&self, name: &str) -> Vec<u8> {
        fs::read(format!("/proc/{}/{name}", self.pid)).unwrap_or_default()
    }
}

/// What can be seen of a daemon's environment, in which is what its C library reads and nothing else: all
/// by root, nothing by its own user.
#[must_use]
pub fn seen_of_environments() -> Vec<&'static str> {
    if nix::unistd::geteuid().is_root() {
        vec!["GLIBC_TUNABLES=glibc.malloc.tcache_max=16384", "glibc.malloc.tcache_count=32"]
    } else {
        Vec::new()
    }
}

/// All processes that live.
#[must_use]
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::find)
        .collect()
}

/// Processes that have something below `dir` open, work there, or have it in their environment.
/// Others than our own; as far as they may be looked into.
#[must_use]
pub fn attached_to(dir: &Path) -> Vec<Process> {
    let ours = std::process::id();
    all()
        .into_iter()
        .filter(|process| u32::try_from(process.pid.as_raw()) != Ok(ours) && is_attached(process, dir))
        .collect()
}

fn is_attached(process: &Process, dir: &Path) -> bool {
    let base = format!("/proc/{}", process.pid);
    let points_there = |link: &Path| fs::read_link(link).is_ok_and(|to| to.starts_with(dir));
    let fds = fs::read_dir(format!("{base}/fd")).into_iter().flatten().flatten();
    let mut links = fds.map(|entry| entry.path()).chain([format!("{base}/cwd").into()]);
    let needle = dir.as_os_str().as_encoded_bytes();
    let environ = process.proc_file("environ");
    links.any(|link| points_there(&link)) || environ.windows(needle.len()).any(|bytes| bytes == needle)
}
