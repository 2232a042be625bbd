//! A look into a live process for values that should not be there any more: every readable mapping
//! and every thread's registers, for whole values and for every part of eight bytes, as they are
//! and in the usual disguises.
//!
//! It needs root, and a process of its own (`memory-scan`), which is given the values by stdin.
//! What it cannot see: memory the kernel gives nobody (`memfd_secret`; counted in the report), and
//! what the kernel holds itself.

mod disguise;
mod hold;
mod huffman;
mod index;
mod memory;
mod regset;
mod report;
pub mod search;
mod threads;

use std::io::Write;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

pub use hold::HeldThread;
pub use report::{Find, Report};

use crate::world::until::until_true;
use crate::world::{Binaries, Running};

/// Whether this machine lets us look; says so aloud where it does not, past the harness, which
/// shows nothing of tests that pass.
#[must_use]
pub fn is_possible(test: &str) -> bool {
    let possible = nix::unistd::geteuid().is_root();
    if !possible {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: only root can read the memory of the daemons");
    }
    possible
}

/// Looks through live processes: a report each.
///
/// # Panics
/// If it cannot.
#[must_use]
#[track_caller]
pub fn live(pids: &[Pid], values: &[&str]) -> Vec<Report> {
    let said = scanner("live", pids, values).outcome().succeeded();
    let reports: Vec<Report> = serde_json::from_str(said.stdout.trim_end()).expect("reports");
    assert!(!pids.is_empty() && reports.len() == pids.len(), "one each");
    reports
}

/// Looks through live processes for what is in their own locked memory, which must be on plain pages
/// for it: a report each.
///
/// # Panics
/// If it cannot.
#[must_use]
#[track_caller]
pub fn locked(pids: &[Pid]) -> Vec<Report> {
    let said = scanner("locked", pids, &[]).outcome().succeeded();
    serde_json::from_str(said.stdout.trim_end()).expect("reports")
}

/// A look that waits for the end of a process and of all it starts.
pub struct AtExit(Running);

/// Begins to follow a process. Returns once no end can be missed any more.
///
/// # Panics
/// If it cannot be followed.
#[must_use]
#[track_caller]
pub fn at_exit(pid: Pid, values: &[&str]) -> AtExit {
    let mut scanner = scanner("at-exit", &[pid], values);
    until_true("the scanner follows the process", || {
        let ended = scanner.ends_within(std::time::Duration::ZERO);
        assert!(!ended, "the scanner ended: {}", scanner.stderr());
        scanner.stdout().starts_with("watching\n")
    });
    AtExit(scanner)
}

impl AtExit {
    /// A report for each thread that ended; there is one of each of those processes at least, and
    /// none of them is blind.
    ///
    /// # Panics
    /// If it is otherwise.
    #[must_use]
    #[track_caller]
    pub fn reports(mut self, processes: &[&str]) -> Vec<Report> {
        let said = self.0.outcome().succeeded();
        let reports = said.stdout.lines().nth(1).expect("reports");
        let reports: Vec<Report> = serde_json::from_str(reports).expect("reports");
        for process in processes {
            assert!(reports.iter().any(|report| report.process == *process), "nothing of {process}");
        }
        for report in &reports {
            assert!(report.blind().is_empty(), "{:?} in {report}", report.blind());
        }
        reports
    }
}

fn scanner(what: &str, pids: &[Pid], values: &[&str]) -> Running {
    let mut command = Command::new(Binaries::of_this_build().beside("memory-scan"));
    command.arg(what).args(pids.iter().map(ToString::to_string)).stdin(Stdio::piped());
    let values: Vec<String> = values.iter().map(|value| format!("{value}\n")).collect();
    Running::start(command, values.concat().into_bytes())
}
