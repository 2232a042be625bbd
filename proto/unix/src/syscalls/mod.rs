//! System-call filters, as data: a table of rows, each with its reason (seccomp(2)).
//!
//! Two filters are put on every thread of the process. The first ends the process at a call that is
//! never legitimate ([`killed`]); the second answers EPERM to every call that no row of its table
//! allows. No table, no process: an empty one and one that fails to install are errors, and there is
//! no weaker mode.

pub mod base;
pub mod killed;
pub mod newer_libc;

use std::collections::BTreeMap;
use std::io;

use nix::errno::Errno;
use nix::libc;
use proto::standing::Layer;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

use crate::surrender::held;

/// One system call.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number (`SYS_…`).
    pub nr: libc::c_long,
    /// What needs it; in a table of calls that are killed, what it would be good for.
    pub why: &'static str,
    /// Whether it counts for these arguments only: all tests of one of these lists hold. Empty: for
    /// any arguments.
    pub args: &'static [&'static [Arg]],
}

/// A test of one argument.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// Argument number, as a C int, is this.
    Is(u8, u64),
    /// Argument number has none of these bits.
    Without(u8, u64),
    /// Of the bits in the mask, argument number has exactly these.
    Among(u8, u64, u64),
}

impl Row {
    /// For any arguments.
    #[must_use]
    pub const fn any(nr: libc::c_long, why: &'static str) -> Self {
        Self { nr, why, args: &[] }
    }

    /// For these arguments only.
    #[must_use]
    pub const fn when(nr: libc::c_long, why: &'static str, args: &'static [&'static [Arg]]) -> Self {
        Self { nr, why, args }
    }
}

/// Puts both filters on every thread of this process.
///
/// # Errors
/// A table is empty or of no sense, or the kernel refuses; the process must end.
pub fn install(allowed: &[&[Row]], killed: &[&[Row]]) -> io::Result<Layer> {
    let deny = compile(allowed, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)?;
    let kill = compile(killed, SeccompAction::Allow, SeccompAction::KillProcess)?;
    // The kernel asks both and does the harsher; this one first, since the other forbids seccomp(2).
    for program in [kill, deny] {
        apply_filter_all_threads(&program).map_err(|error| io::Error::other(error.to_string()))?;
    }
    // In no table of ours, and of no effect where it is allowed.
    held(nix::unistd::getsid(None) == Err(Errno::EPERM), Layer::Filter)
}

fn compile(rows: &[&[Row]], otherwise: SeccompAction, for_rows: SeccompAction) -> io::Result<BpfProgram> {
    let senseless = |error: seccompiler::BackendError| io::Error::other(error.to_string());
    let mut rules: BTreeMap<libc::c_long, Vec<SeccompRule>> = BTreeMap::new();
    for row in rows.iter().copied().flatten() {
        let tests: Result<Vec<_>, _> = row.args.iter().map(|tests| rule(tests)).collect();
        if rules.insert(row.nr, tests.map_err(senseless)?).is_some() {
            return Err(io::Error::other(format!("two rows for system call {}", row.nr)));
        }
    }
    if rules.is_empty() {
        return Err(io::Error::other("a table of system calls is empty"));
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(senseless)?;
    let filter = SeccompFilter::new(rules, otherwise, for_rows, arch).map_err(senseless)?;
    filter.try_into().map_err(senseless)
}

fn rule(tests: &[Arg]) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions: Result<Vec<_>, _> = tests.iter().map(condition).collect();
    SeccompRule::new(conditions?)
}

fn condition(test: &Arg) -> Result<SeccompCondition, seccompiler::BackendError> {
    match *test {
        Arg::Is(number, value) => {
            SeccompCondition::new(number, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        }
        Arg::Without(number, bits) => {
            SeccompCondition::new(number, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bits), 0)
        }
        Arg::Among(number, mask, bits) => {
            SeccompCondition::new(number, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[Row] = &[Row::any(libc::SYS_read, "a test")];

    #[test]
    fn an_empty_table_and_a_call_in_two_rows_are_errors() {
        for tables in [&[][..], &[&[][..]], &[ONE, ONE]] {
            assert!(compile(tables, SeccompAction::Allow, SeccompAction::KillProcess).is_err());
        }
        assert!(compile(&[ONE], SeccompAction::Allow, SeccompAction::KillProcess).is_ok());
    }

    #[test]
    fn tables_of_this_crate_compile_and_give_reasons() {
        for row in base::ROWS.iter().chain(newer_libc::ROWS).chain(killed::ALWAYS).chain(killed::IN_DAEMONS) {
            assert!(!row.why.is_empty(), "{}", row.nr);
        }
        assert!(
            compile(&[base::ROWS, newer_libc::ROWS], SeccompAction::Errno(1), SeccompAction::Allow).is_ok()
        );
        let killed =
            compile(&[killed::ALWAYS, killed::IN_DAEMONS], SeccompAction::Allow, SeccompAction::KillProcess);
        assert!(killed.is_ok());
    }
}
