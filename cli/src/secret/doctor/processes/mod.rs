//! What holds each live process: what the kernel says of it in /proc, what others of the same user
//! can see of it, and what only itself can read and has reported.

mod judge;

use std::collections::BTreeMap;
use std::fs::{metadata, read_to_string};
use std::os::unix::fs::MetadataExt;

use proto::standing::{ChildStanding, Confinement, Namespace, NamespaceKind};
use unix::insight::{self, Insight};

use super::expected::Process;
use crate::secret::broker::process::kernel;

/// A process as it was seen.
#[derive(Debug)]
pub(super) struct Seen {
    process: Process,
    pid: u32,
    /// By the kernel's labels; empty if nothing can be read.
    kernel: BTreeMap<&'static str, String>,
    /// Its limit of core files, soft and hard, as the kernel words it; none if it cannot be read.
    cores: Option<(String, String)>,
    /// None of the launcher.
    reported: Option<Confinement>,
    /// Its namespaces as somebody outside sees them: as root only.
    outside: Vec<Namespace>,
    insight: Insight,
}

/// Looks at a launcher and its children.
pub(super) fn look(launcher: Option<u32>, children: &[ChildStanding]) -> Vec<Seen> {
    let launcher = launcher.map(|pid| (Process::Launcher, pid, None));
    let children = children
        .iter()
        .map(|child| (Process::Daemon(child.kind), child.pid, Some(child.confinement.clone())));
    launcher
        .into_iter()
        .chain(children)
        .map(|(process, pid, reported)| Seen {
            process,
            pid,
            kernel: kernel(pid),
            cores: cores(pid),
            reported,
            outside: namespaces(pid),
            insight: insight::look(pid),
        })
        .collect()
}

/// From /proc/PID/limits (proc_pid_limits(5)).
fn cores(pid: u32) -> Option<(String, String)> {
    let limits = read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    let mut values = line.split_whitespace();
    Some((values.next()?.to_owned(), values.next()?.to_owned()))
}

fn namespaces(pid: u32) -> Vec<Namespace> {
    let inode = |kind: &NamespaceKind| {
        let inode = metadata(format!("/proc/{pid}/ns/{kind}")).ok()?.ino();
        Some(Namespace { kind: *kind, inode })
    };
    NamespaceKind::ALL.iter().filter_map(inode).collect()
}

impl Seen {
    pub(super) const fn process(&self) -> Process {
        self.process
    }
}
