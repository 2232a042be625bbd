//! A vault that moves into the keychain and out of it: all of it, or nothing, however it is cut short.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::world::http::Ask;
use tests::world::{Call, Desktop, HANDLE, World, below, census, letters};

const OURS: [&str; 2] = ["application", "ugent-vault"];
const TURNS: u32 = 12;

fn with_passphrase(world: &World, arguments: &[&str]) -> Call {
    world.ugent(arguments).env("UGENT_SECRETS_PASSPHRASE", world.passphrase())
}

fn migrate(world: &World, to: &str) -> Call {
    with_passphrase(world, &["migrate", "--to", to])
}

fn items(desktop: &Desktop) -> usize {
    desktop.search(&OURS).matches("label = ").count()
}

/// How many files the file vault has.
fn files(world: &World) -> usize {
    std::fs::read_dir(world.home().path().join("secrets/vault")).map_or(0, Iterator::count)
}

fn inspected(world: &World) -> Value {
    world.json(&["inspect", HANDLE, "--json"])
}

#[test]
fn all_versions_move_out_of_the_keychain_and_back_and_stay_what_they_were() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let second = letters(40);
    let rotate = world.ugent(&["rotate", HANDLE, "--keep", "1h", "--stdin"]);
    drop(rotate.typing(second.clone()).run().succeeded());
    let before = inspected(&world);

    let told = migrate(&world, "file-vault").run().succeeded().stdout;
    assert!(told.contains("moved 1 secret (2 values) from the keychain to the file-vault"), "{told}");
    assert_eq!(items(&desktop), 0, "nothing is left in the keychain");
    assert_eq!(inspected(&world), before);
    let verified = with_passphrase(&world, &["audit", "--verify"]).run().succeeded().stdout;
    assert!(verified.contains("whole"), "{verified}");
    world.ugent(&["rollback", HANDLE]).run().refused(77, &["passphrase"]);
    let third = letters(40);
    let rotate = with_passphrase(&world, &["rotate", HANDLE, "--keep", "1h", "--stdin"]);
    drop(rotate.typing(third.clone()).run().succeeded());
    let before = inspected(&world);

    let told = migrate(&world, "keychain").run().succeeded().stdout;
    assert!(told.contains("moved 1 secret (2 values) from the file-vault to the keychain"), "{told}");
    assert_eq!(files(&world), 0, "nothing is left in files");
    assert_eq!(inspected(&world), before);
    let newest = ["application", "ugent-vault", "name", HANDLE, "version", "3"];
    assert_eq!(desktop.lookup(&newest).as_deref(), Some(third.as_bytes()));
    drop(world.ugent(&["rollback", HANDLE]).run().succeeded());
    world.standin().accept_only(&second);
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200, "the version before moved along");
    let _ = broker.stop().succeeded();
    let verified = world.ugent(&["audit", "--verify"]).run().succeeded().stdout;
    assert!(verified.contains("whole"), "{verified}");
    assert_eq!(world.events("vault.migrated").len(), 2);
}

#[test]
fn what_cannot_be_moved_stays_where_it_is_and_why_is_said() {
    let mut desktop = Desktop::unlocked();
    let world = desktop.ready();
    let broker = world.broker();
    migrate(&world, "file-vault").run().refused(78, &["a broker is running"]);
    let _ = broker.stop().succeeded();
    world.ugent(&["migrate", "--to", "nowhere"]).run().refused(64, &["--to"]);
    desktop.lock();
    let locked = migrate(&world, "file-vault").run();
    assert_ne!(locked.code, Some(0));
    assert!(locked.stderr.contains("keychain is locked"), "{}", locked.stderr);
    desktop.kill_keyring();
    desktop.start_keyring();
    drop(migrate(&world, "file-vault").run().succeeded());
    let deposits = world.home().deposits();
    let wrong = world.ugent(&["migrate", "--to", "keychain"]).env("UGENT_SECRETS_PASSPHRASE", "another");
    wrong.run().refused(77, &["passphrase"]);
    desktop.kill_bus();
    migrate(&world, "keychain").run().refused(69, &["nothing was moved"]);
    assert_eq!(world.home().deposits(), deposits);
    assert_eq!(world.events("vault.migrated").len(), 1);
}

#[test]
fn killed_anywhere_it_can_be_run_again_and_nothing_is_lost() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let mut keys = vec![(HANDLE.to_owned(), world.key().to_owned())];
    for number in 0..4 {
        let (name, value) = (format!("@key{number}"), letters(40));
        world.add(&name, &value);
        keys.push((name, value));
    }
    let started = Instant::now();
    drop(migrate(&world, "file-vault").run().succeeded());
    let whole = started.elapsed();
    let (mut cut_short, mut turn) = (0, 0);
    // A keeper is found by root alone.
    let is_killed = nix::unistd::geteuid().is_root();
    // The moments are random: a few more, should none have been before the end.
    while turn < TURNS || (is_killed && cut_short == 0 && turn < 10 * TURNS) {
        let to = if turn.is_multiple_of(2) { "keychain" } else { "file-vault" };
        let mut call = migrate(&world, to).start();
        let _ = call.ends_within(whole.mul_f64(f64::from(below(1100)) / 1000.0));
        for process in census::attached_to(world.home().around()) {
            if process.name == "keeperd" {
                let _ = kill(process.pid, Signal::SIGKILL);
            }
        }
        if call.outcome().code != Some(0) {
            cut_short += 1;
        }
        drop(migrate(&world, to).run().succeeded());
        match to {
            "keychain" => {
                assert_eq!(files(&world), 0, "no file is left in turn {turn}");
                assert_eq!(items(&desktop), keys.len() + 2, "each value once, and two keys, in turn {turn}");
                for (name, value) in &keys {
                    let found = desktop.lookup(&["application", "ugent-vault", "name", name]);
                    assert_eq!(found.as_deref(), Some(value.as_bytes()), "{name} in turn {turn}");
                }
            }
            _ => {
                assert_eq!(items(&desktop), 0, "no item is left in turn {turn}");
                assert_eq!(files(&world), keys.len() + 1, "each value once, and a header, in turn {turn}");
            }
        }
        turn += 1;
    }
    assert!(cut_short > 0 || !is_killed, "none was killed before its end (it takes {whole:?})");
    let verified = with_passphrase(&world, &["audit", "--verify"]).run().succeeded().stdout;
    assert!(verified.contains("whole"), "{verified}");
}
