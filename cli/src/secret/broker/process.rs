//! One process of the broker, as `broker status` shows it: what the kernel says of it in
//! /proc/PID/status, and what only itself can read and has reported. Never what it was meant to be.

use std::collections::BTreeMap;
use std::io::{self, Write};

use proto::standing::{ChildKind, ChildStanding, Namespace};
use serde::Serialize;
use unix::insight;

/// What the kernel is asked for; the labels are its own (proc_pid_status(5)).
const KERNEL: [&str; 10] =
    ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];

/// A process.
#[derive(Serialize)]
pub(super) struct ProcessView {
    name: &'static str,
    pid: u32,
    /// Counted from 1; none for the launcher, of which there is one.
    generation: Option<u32>,
    /// As the kernel has it; empty if the process is gone.
    kernel: BTreeMap<&'static str, String>,
    /// Whether another program of its user can look into it: what came of trying to.
    looked_into: &'static str,
    /// As it reported them once it was confined.
    layers: Vec<&'static str>,
    landlock_abi: Option<u16>,
    /// Inodes, as it read its own.
    namespaces: BTreeMap<&'static str, u64>,
}

impl ProcessView {
    /// The launcher and its children.
    pub(super) fn all(launcher: u32, children: &[ChildStanding]) -> Vec<Self> {
        let launcher = Self {
            name: "secret-broker",
            pid: launcher,
            generation: None,
            kernel: kernel(launcher),
            looked_into: insight::look(launcher).as_str(),
            layers: Vec::new(),
            landlock_abi: None,
            namespaces: BTreeMap::new(),
        };
        std::iter::once(launcher).chain(children.iter().map(Self::of)).collect()
    }

    fn of(child: &ChildStanding) -> Self {
        let ChildStanding { kind, generation, pid, confinement } = child;
        let of_namespace = |Namespace { kind, inode }: &Namespace| (kind.as_str(), *inode);
        Self {
            name: match kind {
                ChildKind::Keeperd => "keeperd",
                ChildKind::Egressd => "egressd",
                ChildKind::Keychaind => "keychaind",
            },
            pid: *pid,
            generation: Some(*generation),
            kernel: kernel(*pid),
            looked_into: insight::look(*pid).as_str(),
            layers: confinement.layers.iter().map(|layer| layer.as_str()).collect(),
            landlock_abi: Some(confinement.landlock_abi),
            namespaces: confinement.namespaces.iter().map(of_namespace).collect(),
        }
    }

    /// For people: a line that names it, and indented ones of what holds it.
    pub(super) fn lines(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{}: pid {}", self.name, self.pid)?;
        if let Some(generation) = self.generation {
            write!(out, ", generation {generation}")?;
        }
        if self.kernel.is_empty() {
            return writeln!(out, ", has ended");
        }
        if self.generation.is_some() && self.layers.is_empty() {
            // It holds nothing and serves nobody before it is confined.
            return writeln!(out, ", starting");
        }
        writeln!(out)?;
        let kernel = KERNEL.iter().filter_map(|label| Some(format!("{label} {}", self.kernel.get(label)?)));
        writeln!(out, "  kernel: {}", joined(kernel))?;
        writeln!(out, "  looked into: {}", self.looked_into.replace('_', " "))?;
        if self.generation.is_some() {
            writeln!(out, "  layers: {}", joined(self.layers.iter().map(ToString::to_string)))?;
            let inodes = self.namespaces.iter().map(|(kind, inode)| format!("{kind} {inode}"));
            writeln!(out, "  namespaces: {}", joined(inodes))?;
            writeln!(out, "  landlock: {}", self.landlock_abi.unwrap_or_default())?;
        }
        Ok(())
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// What the kernel says of a process, by its labels; nothing of one that has ended.
pub(in crate::secret) fn kernel(pid: u32) -> BTreeMap<&'static str, String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    told(&status.ok().filter(|status| !is_dead(status)).unwrap_or_default())
}

/// Whether the process has ended: nothing holds it any more, and that says nothing of how it lived.
fn is_dead(status: &str) -> bool {
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| state.trim_start().starts_with(['Z', 'X']))
}

fn told(status: &str) -> BTreeMap<&'static str, String> {
    let value = |label: &&'static str| {
        let value = status.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'))?;
        Some((*label, value.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    KERNEL.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_process_that_has_ended_or_only_starts_no_confinement_is_shown() {
        let lines = |layers, status| {
            let child = ProcessView {
                name: "egressd",
                pid: 7,
                generation: Some(1),
                kernel: told(status),
                looked_into: "refused",
                layers,
                landlock_abi: Some(7),
                namespaces: BTreeMap::from([("net", 4)]),
            };
            let mut out = Vec::new();
            child.lines(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(lines(vec!["no_core"], ""), "egressd: pid 7, generation 1, has ended\n");
        assert_eq!(lines(vec![], "Seccomp:\t0\n"), "egressd: pid 7, generation 1, starting\n");
        let held = lines(vec!["no_core"], "Seccomp:\t2\n");
        for line in [
            "  kernel: Seccomp 2",
            "  looked into: refused",
            "  layers: no_core",
            "  namespaces: net 4",
            "  landlock: 7",
        ] {
            assert!(held.lines().any(|found| found == line), "{held}");
        }
        assert!(is_dead("Name:\tkeeperd\nState:\tZ (zombie)\nNoNewPrivs:\t0\n"));
    }

    #[test]
    fn the_kernels_words_are_read_by_their_labels() {
        let status = "Name:\tkeeperd\nUid:\t7\t7\t7\t7\nCapEff:\t00\nNoNewPrivs:\t1\nSeccomp:\t2\n\
                      Seccomp_filters:\t4\n";
        let told = told(status);
        let value = |label| told.get(label).map(String::as_str);
        assert_eq!(value("Seccomp"), Some("2"));
        assert_eq!(value("Uid"), Some("7 7 7 7"));
        assert_eq!(value("CapBnd"), None);
    }
}
