//! Commands, and the keeperd each starts for itself, looked into at their very end: when all is done
//! and the memory is still there.

use tests::scan::{self, Report};
use tests::world::until::until_true;
use tests::world::{HANDLE, Pages, World, key_of};

use crate::ground::{bare, is_quick, look, random_part};

/// Runs a command that succeeds and looks into it, and into all it starts, as each ends: those
/// processes at least.
#[track_caller]
fn looked_into(
    world: &World,
    arguments: &[&str],
    input: &str,
    values: &[&str],
    processes: &[&str],
) -> Vec<Report> {
    let mut running = world.ugent(arguments).open();
    // Held up at its input, or gone: nothing of it is to be missed.
    let pid = running.pid();
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    until_true("it is the command", || comm().starts_with("ugent"));
    let passphrase = random_part(world.passphrase());
    let values: Vec<&str> = values.iter().copied().chain([passphrase]).collect();
    let scan = scan::at_exit(pid, &values);
    running.type_line(input);
    drop(running.outcome().succeeded());
    scan.reports(processes)
}

/// Of commands that read a value; others may be over before they can be followed.
fn deposits(world: &World, with: &str, processes: &[&str]) {
    let lengths: &[usize] = if is_quick() { &[51, 2000, 9000] } else { &[51, 164, 2000, 9000, 65_536] };
    for length in lengths.iter().copied() {
        let (first, second) = (key_of(length), key_of(length));
        let values = [first.as_str(), &second];
        for (verb, value, arguments) in [
            ("add", &first, &["add", HANDLE, "--provider", "openai", "--stdin"][..]),
            ("rotate", &second, &["rotate", HANDLE, "--stdin"]),
        ] {
            let reports = looked_into(world, arguments, value, &values, processes);
            let left: Vec<String> =
                reports.iter().filter(|report| !report.finds.is_empty()).map(ToString::to_string).collect();
            assert!(
                left.is_empty(),
                "at the end of `{verb}` with {length} bytes, {with}, it is still there\n{}",
                left.join("\n")
            );
        }
        drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());
    }
}

#[test]
fn nothing_is_left_at_the_end_of_a_command_and_of_its_own_keeperd() {
    if scan::is_possible("nothing_is_left_at_the_end_of_a_command_and_of_its_own_keeperd") {
        deposits(&bare(Pages::Plain).initialized(), "without a broker", &["ugent", "keeperd"]);
    }
}

#[test]
fn nothing_is_left_at_the_end_of_a_command_to_a_broker() {
    if !scan::is_possible("nothing_is_left_at_the_end_of_a_command_to_a_broker") {
        return;
    }
    let world = bare(Pages::Plain).initialized();
    let broker = world.broker();
    deposits(&world, "with a broker", &["ugent"]);
    let _ = broker.stop().succeeded();
}

#[test]
fn no_passphrase_is_left_at_the_end_of_a_rekeying() {
    if !scan::is_possible("no_passphrase_is_left_at_the_end_of_a_rekeying") {
        return;
    }
    for with_broker in [None, Some(())] {
        let world = bare(Pages::Plain).initialized();
        let broker = with_broker.map(|()| world.broker());
        let processes: &[&str] = if broker.is_some() { &["ugent"] } else { &["ugent", "keeperd"] };
        let new = key_of(40);
        for report in looked_into(&world, &["rekey", "--new-passphrase-fd", "0"], &new, &[&new], processes) {
            assert!(report.finds.is_empty(), "with a broker: {}: {report}", broker.is_some());
        }
    }
}

#[test]
fn neither_passphrase_nor_value_is_left_at_the_end_of_a_backup_and_a_restore() {
    if !scan::is_possible("neither_passphrase_nor_value_is_left_at_the_end_of_a_backup_and_a_restore") {
        return;
    }
    let (own, short, long) = (key_of(40), key_of(51), key_of(9000));
    let values = [own.as_str(), &short, &long];
    for with_broker in [None, Some(())] {
        let world = bare(Pages::Plain).initialized();
        world.add(HANDLE, &short);
        world.add("@long", &long);
        let path = world.home().around().join("vault.backup");
        let verb = |verb| [verb, path.to_str().unwrap(), "--backup-passphrase-fd", "0"];
        let broker = with_broker.map(|()| world.broker());
        let processes: &[&str] = if broker.is_some() { &["ugent"] } else { &["ugent", "keeperd"] };
        for report in looked_into(&world, &verb("backup"), &own, &values, processes) {
            assert!(report.finds.is_empty(), "backup, with a broker: {}: {report}", broker.is_some());
        }
        if let Some(broker) = broker {
            let keeper = broker.child("keeperd");
            for report in look(&[keeper], &values) {
                assert!(report.finds.is_empty(), "the broker after a backup: {report}");
            }
            let _ = broker.stop().succeeded();
        }
        let empty = bare(Pages::Plain);
        for report in looked_into(&empty, &verb("restore"), &own, &values, &["ugent", "keeperd"]) {
            assert!(report.finds.is_empty(), "restore: {report}");
        }
        assert_eq!(empty.handles(), ["@long", HANDLE]);
    }
}

#[test]
fn no_value_is_left_at_the_end_of_an_import() {
    if !scan::is_possible("no_value_is_left_at_the_end_of_an_import") {
        return;
    }
    let (short, long, odd) = (key_of(51), key_of(9000), key_of(60));
    let values = [short.as_str(), &long, &odd];
    let text = format!("A_KEY={short}\nB_KEY='{long}'\nC_KEY=\"\\t{odd}\"\nLEFT=1\n");
    let world = || {
        let world = bare(Pages::Plain).initialized();
        std::fs::write(world.home().workspace().join(".env"), &text).unwrap();
        world
    };
    let alone = world();
    // Held up where it asks for the passphrase.
    let verb = ["import", "--env-file", ".env", "--yes", "--rewrite", "--passphrase-fd", "0"];
    for report in looked_into(&alone, &verb, alone.passphrase(), &values, &["ugent", "keeperd"]) {
        assert!(report.finds.is_empty(), "{report}");
    }
    assert_eq!(alone.handles().len(), 3);
    let world = world();
    let broker = world.broker();
    drop(world.ugent(&["import", "--env-file", ".env", "--yes"]).run().succeeded());
    for report in look(&[broker.child("keeperd")], &values) {
        assert!(report.finds.is_empty(), "the broker after an import: {report}");
    }
    let _ = broker.stop().succeeded();
}

/// Not with the value that is asked for, but with one that is still there.
#[test]
fn a_look_at_the_end_of_a_process_finds_what_it_still_has() {
    if !scan::is_possible("a_look_at_the_end_of_a_process_finds_what_it_still_has") {
        return;
    }
    let value = key_of(60);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "read -r line; (read -r other; true); exit 0"]);
    let mut shell = tests::world::Running::open(command);
    let scan = scan::at_exit(shell.pid(), &[&value]);
    shell.type_line(&value);
    drop(shell.outcome().succeeded());
    let reports = scan.reports(&["sh"]);
    assert_eq!(reports.len(), 2, "the shell and the one it has started");
    for report in reports {
        assert!(report.finds.iter().any(|find| find.length == 60), "{report}");
    }
}
