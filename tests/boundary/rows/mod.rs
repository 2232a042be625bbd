//! The tables hold what is called and nothing else: every row is reached by a process that is under
//! the filter, no call is refused that a broker makes in its life, and the launcher's table, which
//! its children inherit, has all of theirs.

mod errands;
mod history;
mod lines;
mod strace;
mod table;
mod workload;

use std::collections::BTreeSet;

use history::{Call, Calls, Count, Stage};
use nix::libc;
use strace::{Traced, Under};
use table::{LAUNCHER, Table};
use tests::world::Layout;

/// Filters a process puts on itself when it is confined: what is killed, and what is allowed.
const CONFINED: usize = 2;

type Made<'a> = (&'a Stage, Call, Count);

#[test]
fn every_row_is_reached_under_the_filter_and_no_call_is_without_a_row() {
    if !nix::unistd::geteuid().is_root() {
        println!("not tried: processes of a broker are closed to their own user, strace included");
        return;
    }
    let layout = Layout::of_this_run();
    let mut kinds = vec![Under::AsIs, Under::NoPrivilege, Under::NoSecretMemory];
    kinds.extend((layout == Layout::System).then_some(Under::ThreeUsers));
    let lived = |under| {
        let traced = Traced::broker(under);
        workload::run(&traced, under);
        traced.calls()
    };
    let lives: Vec<Calls> = kinds.into_iter().map(lived).collect();
    let made: Vec<Made<'_>> = lives
        .iter()
        .flatten()
        .flat_map(|(stage, calls)| calls.iter().map(move |(call, count)| (stage, *call, *count)))
        .collect();
    let mut wrong = Vec::new();
    for table in &Table::all(layout) {
        let held: Vec<_> = made.iter().filter(|(stage, ..)| holds(table, stage)).copied().collect();
        let ways = table.ways().filter(|way| held.iter().any(|(_, call, _)| way.is_met_by(call)));
        let mut reached: BTreeSet<String> = ways.map(|way| way.to_string()).collect();
        wrong.extend(without_a_row(table, &held));
        wrong.extend(errands::run(table, &mut reached));
        let left = table.ways().map(|way| way.to_string()).filter(|way| !reached.contains(way));
        wrong.extend(left.map(|way| format!("{}: nothing reaches {way}", table.process)));
    }
    let held: Vec<_> = made.iter().filter(|(stage, ..)| holds(&Table::export(), stage)).copied().collect();
    wrong.extend(without_a_row(&Table::export(), &held));
    let own = Table::export_alone();
    let left = own.ways().filter(|way| !held.iter().any(|(_, call, _)| way.is_met_by(call)));
    wrong.extend(left.map(|way| format!("an export: nothing reaches {way}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A daemon confines itself under the launcher's filter, and is held by both.
#[test]
fn the_launchers_table_has_every_row_of_its_childrens() {
    let tables = Table::all(Layout::OneUser).into_iter().chain([Table::export()]);
    let (launchers, childrens): (Vec<_>, Vec<_>) = tables.partition(|table| table.process == LAUNCHER);
    let own: Vec<_> = launchers.iter().flat_map(|table| table.ways()).collect();
    let missing: Vec<String> = childrens
        .iter()
        .flat_map(|table| table.ways())
        .filter(|way| !own.iter().any(|wider| wider.is_as_wide_as(way)))
        .map(|way| way.to_string())
        .collect();
    assert!(own.len() > 50 && missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether that table's filter is in force there. What the launcher starts has the launcher's.
fn holds(table: &Table, stage: &Stage) -> bool {
    let its_own = stage.program == table.process && stage.own >= CONFINED;
    its_own || table.process == LAUNCHER && stage.inherited >= CONFINED
}

/// Calls that the table has no row for, and those that were refused although it has one.
fn without_a_row(table: &Table, made: &[Made<'_>]) -> impl Iterator<Item = String> {
    let wrong = made.iter().filter_map(|(stage, call, count)| {
        // The first is asked by each process to find out whether its filter is in force.
        if [libc::SYS_getsid, lines::LIBC_LOOKS].contains(&call.nr) {
            return None;
        }
        let what = match (table.allows(call), stage.own >= CONFINED && count.refused > 0) {
            (false, _) => "has no row for",
            (true, true) => "refuses, although there is a row,",
            (true, false) => return None,
        };
        let arguments = call.args.unwrap_or_default();
        Some(format!("{} {what} system call {}{arguments:x?} of {stage:?}", table.process, call.nr))
    });
    wrong.collect::<Vec<_>>().into_iter()
}
