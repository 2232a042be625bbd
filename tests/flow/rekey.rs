//! Another passphrase: it opens all that the old one did, which opens nothing any more.

use tests::world::http::Ask;
use tests::world::{HANDLE, Outcome, World, key, passphrase};

const PASSPHRASE: &str = "UGENT_SECRETS_PASSPHRASE";

fn rekey(world: &World, old: &str, new: &str) -> Outcome {
    let call = world.ugent(&["rekey", "--new-passphrase-fd", "0"]).env(PASSPHRASE, old);
    let told = call.typing(format!("{new}\n")).run();
    for secret in [old, new].into_iter().filter(|secret| secret.len() > 3) {
        assert!(!told.stdout.contains(secret) && !told.stderr.contains(secret));
    }
    told
}

fn with(world: &World, passphrase: &str, arguments: &[&str]) -> Outcome {
    world.ugent(arguments).env(PASSPHRASE, passphrase).typing(key()).run()
}

#[test]
fn the_new_passphrase_opens_everything_and_only_the_header_was_written() {
    let world = World::ready();
    let before = world.home().deposits();
    let (old, new) = (world.passphrase(), passphrase());
    drop(rekey(&world, old, &new).succeeded());
    let mut after = world.home().deposits();
    let header = world.home().path().join("secrets/vault/header");
    assert_ne!(after.insert(header.clone(), before[&header].clone()), Some(before[&header].clone()));
    assert_eq!(after, before, "values are not rewritten");
    for arguments in [&["rotate", HANDLE, "--stdin"][..], &["audit", "--verify"], &["token", "rotate"]] {
        if arguments[0] != "token" || world.home().path().join("secrets/broker.token").exists() {
            with(&world, old, arguments).refused(77, &[]);
            drop(with(&world, &new, arguments).succeeded());
        }
    }
    assert_eq!(world.events("vault.rekeyed").len(), 1);
}

#[test]
fn a_running_broker_serves_on_and_is_unlocked_by_the_new_one() {
    let world = World::ready();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let new = passphrase();
    drop(rekey(&world, world.passphrase(), &new).succeeded());
    assert_eq!(broker.status_of("/readyz"), Some(200), "it stays unlocked");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["lock"]).run().succeeded());
    with(&world, world.passphrase(), &["unlock"]).refused(77, &[]);
    drop(with(&world, &new, &["unlock"]).succeeded());
    broker.wait_for_status("/readyz", 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let records = world.events("vault.rekeyed");
    assert_eq!(records.len(), 1);
    assert!(records[0]["pid"].is_u64(), "it says who: {}", records[0]);
    drop(with(&world, &new, &["audit", "--verify"]).succeeded());
}

#[test]
fn a_locked_broker_stays_locked() {
    let world = World::ready();
    let broker = world.locked_broker();
    drop(rekey(&world, world.passphrase(), &passphrase()).succeeded());
    assert_eq!(broker.status_of("/readyz"), Some(503));
    assert_eq!(world.events("vault.rekeyed").len(), 1);
}

#[test]
fn a_wrong_old_passphrase_changes_nothing_and_is_recorded_before_a_new_one_is_asked_for() {
    let world = World::ready();
    let header = || std::fs::read(world.home().path().join("secrets/vault/header")).unwrap();
    let before = header();
    // No source of a new one: it would be the error, if it were looked for first.
    let call = || world.ugent(&["rekey"]).env(PASSPHRASE, "not the passphrase").run();
    call().refused(77, &["the passphrase does not open the vault"]);
    let broker = world.broker();
    call().refused(77, &["the passphrase does not open the vault"]);
    world.ugent(&["rekey"]).run().refused(77, &["a new passphrase is needed"]);
    let _ = broker.stop().succeeded();
    assert!(header() == before);
    assert_eq!(world.events("vault.unlock_failed").len(), 2);
    assert!(world.events("vault.rekeyed").is_empty());
}

#[test]
fn a_new_passphrase_that_is_none_is_refused() {
    let world = World::with_vault();
    let before = world.home().deposits();
    for none in ["", "  ", "a\0b"] {
        rekey(&world, world.passphrase(), none).refused(65, &["passphrase"]);
    }
    let both = ["rekey", "--passphrase-fd", "0", "--new-passphrase-fd", "0"];
    world.ugent(&both).typing("one").run().refused(64, &["one descriptor"]);
    assert_eq!(world.home().deposits(), before);
}
