//! Exports of the journal: every record reaches every sink, also one that was down, and whatever
//! becomes of a sink, requests go on.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::world::census::Process;
use tests::world::http::Ask;
use tests::world::until::{seen, until, until_true};
use tests::world::{Broker, HANDLE, Layout, World};

/// Names those sinks, for the next broker.
fn export_to(world: &World, sinks: &[String]) {
    let list: Vec<String> = sinks.iter().map(|sink| format!("\"{sink}\"")).collect();
    let settings = format!("{}audit = {{ sinks = [{}] }}\n", world.settings(), list.join(", "));
    world.home().write("secrets.toml", &settings);
}

/// In a directory that exports may write to, whoever they run as.
fn place(world: &World, name: &str) -> PathBuf {
    let dir = world.home().around().join("sinks");
    if !dir.exists() {
        make(world, &dir);
    }
    dir.join(name)
}

fn make(world: &World, dir: &Path) {
    fs::create_dir(dir).unwrap();
    if world.layout() == Layout::System {
        let (user, group) = tests::world::layout::user("ugent-keeper");
        chown(dir, Some(user.as_raw()), Some(group.as_raw())).unwrap();
    }
}

fn sink(kind: &str, path: &Path) -> String {
    format!("{kind}:{}", path.display())
}

/// Seqs in a file of JSON Lines; each line must be whole.
fn seqs(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
}

/// All seqs there are in the journal.
fn recorded(world: &World) -> Vec<u64> {
    world.audit(&[]).iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

fn has_all(world: &World, found: impl Fn() -> Vec<u64>) {
    let due = recorded(world);
    until_true("every record is there", || {
        let found = found();
        due.iter().all(|seq| found.contains(seq))
    });
}

fn asks(world: &World, count: usize) {
    for _ in 0..count {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
}

fn exporters(broker: &Broker) -> Vec<Process> {
    let mut children = broker.children();
    children.retain(|child| child.name == "ugent");
    children
}

/// A socket for datagrams, and what came.
fn socket(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    // As that of a syslog daemon: for everybody.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    socket
}

fn datagrams(socket: &UnixDatagram, into: &mut Vec<String>) {
    let mut buffer = [0; 8192];
    while let Ok(length) = socket.recv(&mut buffer) {
        into.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
}

#[test]
fn each_record_reaches_a_file_as_one_line_and_again_after_a_restart_none_twice() {
    let world = World::ready();
    let path = place(&world, "audit.jsonl");
    export_to(&world, &[sink("file", &path)]);
    let broker = world.broker();
    asks(&world, 3);
    has_all(&world, || seqs(&path));
    let _ = broker.stop().succeeded();
    // What was recorded at the end, and by commands since, comes with the next broker.
    world.rotate(HANDLE, world.key());
    let broker = world.broker();
    asks(&world, 1);
    // The end of a request is recorded a moment after its answer.
    until_true("it goes on where it left off", || seqs(&path) == recorded(&world));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"event\":\"broker.stopped\""));
    assert!(!text.contains(world.key()), "never a value");
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(broker.stop().succeeded());
}

#[test]
fn a_file_that_was_rotated_away_is_begun_anew_and_nothing_is_missing() {
    let world = World::ready();
    let (path, old) = (place(&world, "audit.jsonl"), place(&world, "audit.jsonl.1"));
    export_to(&world, &[sink("file", &path)]);
    let _broker = world.broker();
    asks(&world, 2);
    has_all(&world, || seqs(&path));
    fs::rename(&path, &old).unwrap();
    until_true("another is begun", || path.exists());
    asks(&world, 2);
    has_all(&world, || [seqs(&old), seqs(&path)].concat());
    assert!(!seqs(&path).is_empty());
}

#[test]
fn syslog_and_journald_get_what_was_recorded_while_they_were_down_in_their_own_form() {
    let world = World::ready();
    let (log, native) = (place(&world, "log"), place(&world, "journal"));
    export_to(&world, &[sink("syslog", &log), sink("journald", &native)]);
    // Nobody listens yet; requests are answered all the same.
    let _broker = world.broker();
    asks(&world, 3);
    let (syslog, journald) = (socket(&log), socket(&native));
    let (mut lines, mut entries) = (Vec::new(), Vec::new());
    let due = recorded(&world).len();
    until_true("both have caught up", || {
        datagrams(&syslog, &mut lines);
        datagrams(&journald, &mut entries);
        lines.len() >= due && entries.len() >= due
    });
    let line = lines.iter().find(|line| line.contains("lease.issued")).unwrap();
    assert!(line.starts_with("<86>1 20"), "{line}");
    assert!(line.contains(" ugent - lease.issued - {\"seq\":"), "{line}");
    let entry = entries.iter().find(|entry| entry.contains("lease.used")).unwrap();
    for field in ["MESSAGE=", "PRIORITY=6\n", "SYSLOG_IDENTIFIER=ugent\n", "UGENT_EVENT=lease.used\n"] {
        assert!(entry.contains(field), "{entry}");
    }
    // One is restarted: what happens meanwhile waits for it.
    drop(syslog);
    fs::remove_file(&log).unwrap();
    let before = recorded(&world).len();
    asks(&world, 4);
    let syslog = socket(&log);
    let (all, mut more) = (recorded(&world), Vec::new());
    until_true("it has caught up again", || {
        datagrams(&syslog, &mut more);
        all[before..].iter().all(|seq| more.iter().any(|line| line.contains(&format!("{{\"seq\":{seq},"))))
    });
}

#[test]
fn a_sink_that_takes_nothing_holds_nobody_up_and_misses_nothing() {
    let world = World::ready();
    let path = place(&world, "log");
    export_to(&world, &[sink("syslog", &path)]);
    let full = socket(&path);
    let broker = world.broker();
    // More than a socket queues.
    asks(&world, 40);
    let due = recorded(&world);
    let mut lines = Vec::new();
    until_true("all of it comes once it is read", || {
        datagrams(&full, &mut lines);
        due.iter().all(|seq| lines.iter().any(|line| line.contains(&format!("{{\"seq\":{seq},"))))
    });
    // And a broker ends in time with one that takes nothing again.
    drop(full);
    asks(&world, 2);
    drop(broker.stop().succeeded());
}

#[test]
fn an_export_that_dies_is_replaced_and_goes_on_where_it_was() {
    let world = World::ready();
    let path = place(&world, "audit.jsonl");
    export_to(&world, &[sink("file", &path)]);
    let broker = world.broker();
    for _ in 0..4 {
        let first = until("it runs", || exporters(&broker).pop());
        asks(&world, 2);
        kill(first.pid, Signal::SIGKILL).unwrap();
        asks(&world, 2);
        until_true("another runs", || exporters(&broker).iter().any(|other| other.pid != first.pid));
    }
    has_all(&world, || seqs(&path));
    let keeper = broker.child("keeperd");
    assert!(keeper.lives());
    let last = until("it runs", || exporters(&broker).pop());
    drop(broker.stop().succeeded());
    assert!(
        seen(Duration::from_secs(5), || (!last.lives()).then_some(())).is_some(),
        "it ends with the broker"
    );
}

#[test]
fn a_sink_that_cannot_be_opened_is_said_and_the_others_go_on() {
    let world = World::ready();
    let good = place(&world, "audit.jsonl");
    let bad = place(&world, "nowhere/audit.jsonl");
    export_to(&world, &[sink("file", &bad), sink("file", &good)]);
    let broker = world.broker();
    asks(&world, 2);
    has_all(&world, || seqs(&good));
    make(&world, &place(&world, "nowhere"));
    has_all(&world, || seqs(&bad));
    let told = broker.stop().succeeded();
    assert_eq!(told.stderr.matches("nowhere/audit.jsonl could not be opened").count(), 1, "{}", told.stderr);
}

#[test]
fn an_export_is_confined_and_nobody_starts_one_by_hand() {
    let world = World::ready();
    let path = place(&world, "audit.jsonl");
    export_to(&world, &[sink("file", &path)]);
    let broker = world.broker();
    has_all(&world, || seqs(&path));
    let exporter = until("it runs", || exporters(&broker).pop());
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.pid)).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    let told = world
        .ugent(&["audit", "--follow", "--export", &sink("file", &path), "--cursors", "/nonexistent"])
        .run();
    assert_eq!(told.code, Some(64), "{}", told.stderr);
}
