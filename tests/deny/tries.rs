//! Wrong passphrases make the next try wait: longer each time, for everybody who tries, and never
//! for good.

use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{Outcome, World};

const PASSPHRASE: &str = "UGENT_SECRETS_PASSPHRASE";

fn issue(world: &World, passphrase: &str) -> Outcome {
    world.ugent(&["token", "issue", "--consumer", "guest"]).env(PASSPHRASE, passphrase).run()
}

/// So many that the next wait is longer than some commands take on a busy machine: 4 s.
const FAILED: u32 = 4;
const WRONG: &str = "not the passphrase";

fn wrong(world: &World) {
    issue(world, WRONG).refused(77, &["the passphrase does not open the vault"]);
}

/// Tries wrong ones, each once it may be tried, until there are [`FAILED`].
fn some_wrong(mut attempt: impl FnMut() -> Outcome) {
    for _ in 0..FAILED {
        until_true("a wrong one is tried", || attempt().code == Some(77));
    }
}

fn too_soon(told: Outcome, failed: u32) {
    let hint = told.stderr.lines().any(|line| line.starts_with("hint: wait ") && line.contains(" s, "));
    assert!(hint, "it says how long: {}", told.stderr);
    told.refused(75, &["was not tried", &format!("{failed} wrong ones")]);
}

#[test]
fn keepers_of_one_command_each_share_the_wait_and_the_right_one_ends_it() {
    let world = World::ready();
    some_wrong(|| issue(&world, WRONG));
    let right = || issue(&world, world.passphrase());
    too_soon(right(), FAILED);
    too_soon(world.ugent(&["audit", "--verify"]).run(), FAILED);
    too_soon(world.ugent(&["rekey", "--new-passphrase-fd", "0"]).typing("another one").run(), FAILED);
    too_soon(world.launcher().run(), FAILED);
    let backup = ["backup", "kept.backup", "--backup-passphrase-fd", "0"];
    too_soon(world.ugent(&backup).typing("one for the backup").run(), FAILED);
    let recorded = world.events("vault.unlock_failed").len();
    assert_eq!(recorded, FAILED as usize, "what was not tried is not recorded");
    until_true("it is time", || right().code == Some(0));
    wrong(&world);
    drop(right().succeeded());
}

#[test]
fn each_more_waits_longer_and_a_verifier_counts_too() {
    let world = World::ready();
    let seconds = |told: &Outcome| {
        let hint = told.stderr.lines().find_map(|line| line.strip_prefix("hint: wait "));
        hint.and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
    };
    let verify = || world.ugent(&["audit", "--verify"]).env(PASSPHRASE, WRONG).run();
    for _ in 0..2 {
        verify().refused(77, &[]);
    }
    let mut told = Vec::new();
    until_true("it grows", || {
        told.extend(seconds(&verify()));
        told.last() == Some(&4)
    });
    assert!(told.iter().all(|seconds| (1..=4).contains(seconds)), "{told:?}");
}

#[test]
fn a_broker_serves_while_tries_wait_and_leaves_the_count_to_the_next_keeper() {
    let world = World::ready();
    let broker = world.broker();
    // Later none would be issued.
    let _ = world.token();
    let unlock = |passphrase: &str| world.ugent(&["unlock"]).env(PASSPHRASE, passphrase).run();
    some_wrong(|| unlock(WRONG));
    too_soon(unlock(world.passphrase()), FAILED);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "the vault is open, and requests are answered");
    let _ = broker.stop().succeeded();
    until_true("a wrong one is tried again", || issue(&world, WRONG).code == Some(77));
    too_soon(issue(&world, world.passphrase()), FAILED + 1);
}
