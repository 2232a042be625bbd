//! The scan finds what is there: values left deliberately, one place a run.

use std::process::Command;

use tests::scan::{self, Report};
use tests::world::Running;
use tests::world::letters;
use tests::world::until::until_true;

/// A look at a process that left a value in that place.
fn left_in(place: &str, value: &str) -> Option<Report> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leaver"));
    command.arg(place);
    let mut leaver = Running::start(command, value.as_bytes().to_vec());
    until_true("the leaver is ready", || leaver.stdout().starts_with("ready\n"));
    // Asleep: it has done all that it does after it was ready.
    let mut ended = false;
    until_true("the leaver sleeps", || {
        ended = leaver.ends_within(std::time::Duration::ZERO);
        let path = format!("/proc/{}/syscall", leaver.pid());
        ended || std::fs::read_to_string(path).is_ok_and(|call| call.starts_with("34 "))
    });
    if ended {
        assert_eq!(leaver.outcome().code, Some(69), "it has that place, or says that it has not");
        return None;
    }
    scan::live(&[leaver.pid()], &[value]).pop()
}

fn found(report: &Report, length: usize, place: &str) -> bool {
    report.finds.iter().any(|find| find.length >= length && find.place.contains(place))
}

#[test]
fn a_value_left_in_heap_stack_or_register_is_found() {
    if !scan::is_possible("a_value_left_in_heap_stack_or_register_is_found") {
        return;
    }
    let value = letters(164);
    for (place, length, told) in [
        ("heap", 164, "[heap] rw-p"),
        ("stack", 164, "[stack] rw-p"),
        ("register", 8, "register r12 of"),
        ("vector", 16, "vector registers of"),
        ("wide", 32, "vector registers of"),
    ] {
        let Some(report) = left_in(place, &value) else { continue };
        assert!(found(&report, length, told), "{place}: {report}");
        assert!(report.finds.iter().all(|find| !find.locked), "{place}: {report}");
    }
}

#[test]
fn a_value_in_locked_memory_is_told_from_one_outside() {
    if !scan::is_possible("a_value_in_locked_memory_is_told_from_one_outside") {
        return;
    }
    let value = letters(48);
    let report = left_in("locked", &value).unwrap();
    assert!(report.finds.iter().any(|find| find.locked && find.length == 48), "{report}");
    assert!(report.outside().is_empty(), "{report}");
    let report = left_in("nowhere", &value).unwrap();
    assert!(report.finds.is_empty(), "nothing is found where nothing is: {report}");
}

#[test]
fn every_disguise_of_a_value_is_found_in_a_live_process() {
    use base64::Engine as _;

    if !scan::is_possible("every_disguise_of_a_value_is_found_in_a_live_process") {
        return;
    }
    let value = letters(60);
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(format!("x{value}"));
    for (disguise, text) in [
        ("reversed", value.chars().rev().collect()),
        ("in upper case hex", hex.to_ascii_uppercase()),
        ("in hex", hex),
        ("in base64", base64),
        ("as it is", format!("{:#?}", &value[20..28])),
    ] {
        let mut command = Command::new("sleep");
        command.arg("600").env_clear().env("LEFT", text);
        let sleeper = Running::start(command, Vec::new());
        let report = &scan::live(&[sleeper.pid()], &[&value])[0];
        assert!(report.finds.iter().any(|find| find.disguise == disguise), "{disguise}: {report}");
    }
}
