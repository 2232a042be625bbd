//! The journal: every event is there, filters choose, and any change of it is found.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use proto::journal::{HEADER_LEN, RawRecord};
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

/// A journal whose records are changed so is damaged at that record, in that word.
fn is_said_of(change: impl Fn(&mut Vec<Vec<u8>>), at: u64, word: &str) {
    let world = World::ready();
    let path = segments(&world).remove(0);
    let bytes = std::fs::read(&path).unwrap();
    let (mut rest, mut records) = (&bytes[HEADER_LEN..], Vec::new());
    loop {
        let before = rest;
        if RawRecord::take(&mut rest).unwrap().is_none() {
            break;
        }
        records.push(before[..before.len() - rest.len()].to_vec());
    }
    change(&mut records);
    let mut changed = [bytes[..HEADER_LEN].to_vec(), records.concat()].concat();
    // As preallocated as before.
    changed.resize(bytes.len().max(changed.len()), 0);
    std::fs::write(&path, changed).unwrap();
    let told = world.ugent(&["audit", "--verify"]).run();
    let said = format!("the journal is damaged at record {at} (segment 1): ");
    let what = told.stderr.lines().find_map(|line| line.split_once(&said)).map(|(_, what)| what.to_owned());
    assert!(what.is_some_and(|what| what.contains(word)), "{said}{word}: {}", told.stderr);
    let told = world.ugent(&["audit", "--verify", "--json"]).run();
    assert_eq!(told.code, Some(65));
    let verdict: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["at"]), (&"damaged".into(), &at.into()));
    assert!(verdict["what"].as_str().is_some_and(|what| what.contains(word)), "{verdict}");
}

#[test]
fn verify_says_which_record_was_changed() {
    let in_its_event = |records: &mut Vec<Vec<u8>>| {
        // A minute later than it was.
        records[2][6] ^= 1;
    };
    is_said_of(in_its_event, 3, "changed");
}

#[test]
fn verify_says_which_record_is_missing() {
    is_said_of(|records| drop(records.remove(1)), 2, "missing");
}

#[test]
fn verify_says_which_record_is_repeated_or_out_of_order() {
    is_said_of(|records| records.insert(1, records[1].clone()), 3, "repeated or out of order");
    is_said_of(|records| records.swap(1, 2), 2, "repeated or out of order");
}

#[test]
fn verify_says_from_which_record_on_the_end_was_cut_off() {
    // What a journal that has just begun looks like.
    is_said_of(|records| records.truncate(1), 2, "cut off");
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

#[test]
fn the_page_for_a_browser_has_everything_in_it_and_markup_of_nobody_else() {
    let world = World::of_one_user();
    let route = "/v1/a&b'c";
    let table = format!(
        "\n[[providers]]\nid = \"acme\"\nbase_url = \"https://localhost:{}\"\nallow_private = true\n\
         inject = {{ header = \"authorization\", format = \"Bearer {{}}\" }}\n\
         [[providers.routes]]\nmethod = \"POST\"\npath = \"{route}\"\npurpose = \"llm.chat\"\n",
        world.standin().port()
    );
    world.home().write("secrets.providers.toml", &(world.providers() + &table));
    drop(world.ugent(&["provider", "check"]).run().succeeded());
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    // A route may be called so: refused, it stands in the journal under that name.
    let attack = "/proxy/acme/v1/a&b'c";
    assert_eq!(world.ask(&Ask::post(attack, &serde_json::json!({}))).status, 403);
    assert_eq!(world.ask(&Ask::post("/proxy/openai/v1/moderations", &serde_json::json!({}))).status, 403);
    drop(broker.stop().succeeded());
    let path = world.home().around().join("audit.html");
    let arguments = ["audit", "--html", path.to_str().expect("a path")];
    drop(world.ugent(&arguments).run().succeeded());
    let page = std::fs::read_to_string(&path).expect("it was made");
    for part in [
        "@openai_api_key",
        "ugent-core",
        "not_granted",
        "lease.used",
        "id=\"timeline\"",
        "<rect class=\"used\"",
        "/v1/a&amp;b&#39;c",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for loaded in ["<script", "<img", "http:", "https:", "src=\"", "href="] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("there").permissions());
    assert_eq!(mode & 0o7777, 0o600);
    world.ugent(&arguments).run().refused(65, &["is there already"]);
    assert_eq!(std::fs::read_to_string(&path).expect("as it was"), page);
    let nowhere = world.home().around().join("nowhere/audit.html");
    world.ugent(&["audit", "--html", nowhere.to_str().expect("a path")]).run().refused(74, &["nowhere"]);
    let full = world.ugent(&["audit", "--html", "/dev/full/x"]).run();
    assert_ne!(full.code, Some(0));
}
