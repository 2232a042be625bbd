//! The journal: every event is there, filters choose, and any change of it is found.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use tests::world::http::Ask;
use tests::world::{HANDLE, World};

#[test]
fn everything_that_happened_is_recorded_in_order() {
    let world = World::ready();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(world.tcp().ask(&Ask::chat()).unwrap().status, 401);
    world.rotate(HANDLE, &tests::world::key());
    let _ = broker.stop().succeeded();
    drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());

    let records = world.audit(&[]);
    let events: Vec<_> = records.iter().filter_map(|record| record["event"].as_str()).collect();
    for event in [
        "vault.initialized",
        "vault.unlocked",
        "secret.added",
        "grants.loaded",
        "broker.started",
        "lease.issued",
        "lease.used",
        "lease.denied",
        "secret.rotated",
        "lease.ended",
        "broker.stopped",
        "secret.removed",
    ] {
        assert!(events.contains(&event), "no {event} in {events:?}");
    }
    let numbers: Vec<_> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert!(numbers.iter().zip(1..).all(|(number, due)| *number == due), "seq counts from 1: {numbers:?}");
}

#[test]
fn json_is_one_compact_object_a_line() {
    let world = World::ready();
    let told = world.ugent(&["audit", "--json"]).run().succeeded().stdout;
    let line = told.lines().find(|line| line.contains("secret.added")).unwrap();
    assert!(line.contains("\"event\":\"secret.added\""), "{line}");
    assert!(line.contains("\"secret\":\"@openai_api_key\""), "{line}");
}

#[test]
fn filters_choose() {
    let world = World::ready();
    drop(world.ugent(&["add", "@other", "--stdin"]).typing("0123456789").run().succeeded());
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert!(world.audit(&[HANDLE]).iter().all(|record| record["secret"] == HANDLE));
    assert_eq!(world.audit(&["@other"]).len(), 1);
    assert_eq!(world.audit(&["--event", "secret.added"]).len(), 2);
    assert!(
        world.audit(&["--consumer", "ugent-core"]).iter().all(|record| record["consumer"] == "ugent-core")
    );
    assert!(world.audit(&["--consumer", "nobody"]).is_empty());
    assert!(!world.audit(&["--since", "2h"]).is_empty());
    let all = world.audit(&[]);
    assert_eq!(world.audit(&["--limit", "2"]), all[all.len() - 2..], "the last ones, oldest first");
}

#[test]
fn what_follow_prints_comes_as_it_happens() {
    let world = World::ready();
    let _broker = world.broker();
    let following = world.ugent(&["audit", "--follow", "--json", "--event", "lease.used"]).start();
    for count in 1..=3 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
        tests::world::until::until_true("the record is printed", || {
            following.stdout().lines().count() == count
        });
    }
}

fn segments(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.home().path().join("secrets/audit")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "journal"));
    paths.sort();
    paths
}

#[test]
fn verify_is_content_with_what_nobody_touched() {
    let world = World::ready();
    let told = world.ugent(&["audit", "--verify"]).run().succeeded();
    assert!(!told.stdout.is_empty());
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    let _ = broker.stop().succeeded();
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn verify_finds_one_flipped_bit_in_any_record() {
    let world = World::ready();
    let path = segments(&world).remove(0);
    let bytes = std::fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for turn in 0..6 {
        let at = 64 + (end - 64) * turn / 6;
        file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        let told = world.ugent(&["audit", "--verify"]).run();
        assert_eq!(told.code, Some(65), "a flip at {at} is found\n{}{}", told.stdout, told.stderr);
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn verify_finds_that_the_end_was_cut_off() {
    let world = World::ready();
    let path = segments(&world).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    // Zeros from the second record on: what a journal that has just begun looks like.
    let first = u32::from_le_bytes(bytes[64..68].try_into().unwrap()) as usize;
    bytes[64 + 4 + first + 32..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let told = world.ugent(&["audit", "--verify"]).run();
    assert_eq!(told.code, Some(65), "{}{}", told.stdout, told.stderr);
}

#[test]
fn verify_finds_that_the_journal_is_gone() {
    let world = World::ready();
    for path in segments(&world) {
        std::fs::remove_file(path).unwrap();
    }
    let told = world.ugent(&["audit", "--verify"]).run();
    assert_eq!(told.code, Some(65), "{}{}", told.stdout, told.stderr);
}

#[test]
fn verify_with_a_wrong_passphrase_says_so_and_changes_nothing() {
    let world = World::ready();
    let before = world.home().snapshot();
    let call = world.ugent(&["audit", "--verify"]).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
    call.run().refused(77, &[]);
    let after = world.home().snapshot();
    let catalog = world.home().path().join("secrets/metadata.redb");
    let changed: Vec<_> =
        after.keys().filter(|path| **path != catalog && before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "verify is read-only: {changed:?}");
}

#[test]
fn what_was_noted_of_one_check_is_held_against_the_journal_by_the_next() {
    let world = World::ready();
    let verdict = |noted: &[&str]| {
        let call = world.ugent(&[&["audit", "--verify", "--json"], noted].concat());
        serde_json::from_str::<serde_json::Value>(&call.run().succeeded().stdout).unwrap()
    };
    let whole = verdict(&[]);
    let noted = format!("{}:{}", whole["last"], whole["link"].as_str().unwrap());
    let back = world.home().snapshot();
    drop(world.ugent(&["add", "@more", "--stdin"]).typing("0123456789").run().succeeded());
    assert_eq!(verdict(&["--expect", &noted])["verdict"], "whole", "it goes on from there");

    // All of it is put back to what it was, and noted again is what came since.
    let later = verdict(&[]);
    let noted = format!("{}:{}", later["last"], later["link"].as_str().unwrap());
    for path in std::fs::read_dir(world.home().path().join("secrets/audit")).unwrap() {
        let path = path.unwrap().path();
        std::fs::write(&path, &back[&path].1).unwrap();
    }
    let _ = verdict(&[]);
    world.ugent(&["audit", "--verify", "--expect", &noted]).run().refused(65, &["noted"]);
    world.ugent(&["audit", "--verify", "--expect", "7:abc"]).run().refused(64, &["--expect"]);
    world.ugent(&["audit", "--expect", &noted]).run().refused(64, &["--verify"]);
}

#[test]
fn verify_finds_a_checkpoint_that_is_another_journals() {
    let (world, other) = (World::ready(), World::ready());
    let path = |world: &World| world.home().path().join("secrets/audit/checkpoint");
    std::fs::write(path(&world), std::fs::read(path(&other)).unwrap()).unwrap();
    world.ugent(&["audit", "--verify"]).run().refused(65, &["checkpoint"]);
}
