//! Rows that only odd moments reach: the probe has them, under the very same filters.
//!
//! Unlike the workload, an errand does not show that a process needs its rows: the probe makes the
//! calls because it is sent to. It shows that the filters let them through, with just these arguments
//! and to that end; the need is argued, in the row's `why` and beside the errand here.

use std::collections::BTreeSet;

use nix::libc::{self, c_long};

use super::strace::{Traced, Under};
use super::table::{LAUNCHER, Table};
use crate::probe::{Ground, probe};

struct Errand {
    name: &'static str,
    within: &'static [&'static str],
    comes_to: &'static str,
    /// What a broker reaches rarely, or never as long as all is well.
    reaches: &'static [c_long],
}

const ALL: &[&str] = &["keeperd", "egressd", LAUNCHER];
const FILES: &[&str] = &["keeperd", LAUNCHER];
const NETWORK: &[&str] = &["egressd", LAUNCHER];

/// glibc's abort, and std's.
const ABORT: &[c_long] = &[libc::SYS_getpid, libc::SYS_gettid, libc::SYS_tgkill, libc::SYS_rt_sigprocmask];
/// std's handler finds that it is no overflow, and goes back to the default.
const FAULT: &[c_long] = &[libc::SYS_rt_sigaction, libc::SYS_rt_sigreturn];

const ERRANDS: &[Errand] = &[
    errand("abort", ALL, "signal 6", ABORT),
    errand("abort_though_ignored", ALL, "signal 6", &[libc::SYS_rt_sigaction]),
    errand("panic", ALL, "signal 6", ABORT),
    errand("overflow", ALL, "signal 6", ABORT),
    errand("fault", ALL, "signal 11", FAULT),
    errand("fault_in_a_file", ALL, "signal 7", FAULT),
    // A lock that is contended at the right moment.
    errand("yield", ALL, "done", &[libc::SYS_sched_yield]),
    // A machine whose clock the vDSO cannot read.
    errand("clock", ALL, "done", &[libc::SYS_clock_gettime]),
    // What was asked for before decides when the allocator asks for more.
    errand("memory", ALL, "done", &[libc::SYS_brk, libc::SYS_mremap]),
    // Debug builds of std and tokio.
    errand("is_open", ALL, "done", &[libc::SYS_fcntl]),
    errand("flags", NETWORK, "done", &[libc::SYS_fcntl]),
    // In keeperd, after an error of the catalog.
    errand("copied", ALL, "done", &[libc::SYS_fcntl]),
    // One of the two, by the C library's version.
    errand("fstat", FILES, "done", &[libc::SYS_fstat]),
    errand("newfstatat", FILES, "done", &[libc::SYS_newfstatat]),
    // No provider of the tests has an address of that family.
    errand("tcp6_socket", NETWORK, "done", &[libc::SYS_socket]),
];

const fn errand(
    name: &'static str,
    within: &'static [&'static str],
    comes_to: &'static str,
    reaches: &'static [c_long],
) -> Errand {
    Errand { name, within, comes_to, reaches }
}

/// Sends the probe on all that are for that table. What went wrong, a line each.
pub(super) fn run(table: &Table, reached: &mut BTreeSet<String>) -> Vec<String> {
    let ground = Ground::new();
    let mut wrong = Vec::new();
    for errand in ERRANDS.iter().filter(|errand| errand.within.contains(&table.process)) {
        let traced = Traced::programs(&[probe()], Under::AsIs);
        let probe = traced.dir().join("boundary-probe");
        let who = format!("{}: {}", table.process, errand.name);
        let came_of_it = ground.tried_by(&probe, table.process, errand.name);
        if came_of_it != errand.comes_to {
            wrong.push(format!("{who}: {came_of_it} and not {}", errand.comes_to));
        }
        let calls = traced.calls();
        let made: Vec<_> = calls
            .iter()
            .filter(|(stage, _)| stage.own >= super::CONFINED)
            .flat_map(|(stage, calls)| calls.iter().map(move |(call, count)| (stage, *call, *count)))
            .collect();
        wrong.extend(super::without_a_row(table, &made).map(|what| format!("{who}: {what}")));
        for number in errand.reaches {
            let ways: Vec<_> = table
                .ways()
                .filter(|way| way.row.nr == *number && made.iter().any(|(_, call, _)| way.is_met_by(call)))
                .collect();
            if ways.is_empty() {
                wrong.push(format!("{who}: does not reach {number}"));
            }
            reached.extend(ways.iter().map(ToString::to_string));
        }
    }
    wrong
}
