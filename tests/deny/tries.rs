//! Wrong passphrases make the next try wait: longer each time, for everybody who tries, and never
//! for good.

use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{Outcome, World};

const PASSPHRASE: &str = "UGENT_SECRETS_PASSPHRASE";

fn issue(world: &World, passphrase: &str) -> Outcome {
    world.ugent(&["token", "issue", "--consumer", "guest"]).env(PASSPHRASE, passphrase).run()
}

fn wrong(world: &World) {
    issue(world, "not the passphrase").refused(77, &["the passphrase does not open the vault"]);
}

fn too_soon(told: Outcome, failed: u32) {
    let hint = told.stderr.lines().any(|line| line.starts_with("hint: wait ") && line.contains(" s, "));
    assert!(hint, "it says how long: {}", told.stderr);
    told.refused(75, &["was not tried", &format!("{failed} wrong ones")]);
}

#[test]
fn keepers_of_one_command_each_share_the_wait_and_the_right_one_ends_it() {
    let world = World::ready();
    wrong(&world);
    wrong(&world);
    let right = || issue(&world, world.passphrase());
    too_soon(right(), 2);
    too_soon(world.ugent(&["audit", "--verify"]).run(), 2);
    too_soon(world.ugent(&["rekey", "--new-passphrase-fd", "0"]).typing("another one").run(), 2);
    too_soon(world.launcher().run(), 2);
    let backup = ["backup", "kept.backup", "--backup-passphrase-fd", "0"];
    too_soon(world.ugent(&backup).typing("one for the backup").run(), 2);
    assert_eq!(world.events("vault.unlock_failed").len(), 2, "what was not tried is not recorded");
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
    let verify = || world.ugent(&["audit", "--verify"]).env(PASSPHRASE, "not the passphrase").run();
    for _ in 0..2 {
        verify().refused(77, &[]);
    }
    let mut longest = Vec::new();
    for _ in 0..2 {
        let first = verify();
        longest.push(seconds(&first));
        until_true("a wrong one is tried again", || verify().code == Some(77));
    }
    assert_eq!(longest, [Some(1), Some(2)]);
    assert_eq!(seconds(&verify()), Some(4));
}

#[test]
fn a_broker_serves_while_tries_wait_and_leaves_the_count_to_the_next_keeper() {
    let world = World::ready();
    let broker = world.broker();
    let unlock = |passphrase: &str| world.ugent(&["unlock"]).env(PASSPHRASE, passphrase).run();
    for _ in 0..2 {
        unlock("not the passphrase").refused(77, &[]);
    }
    too_soon(unlock(world.passphrase()), 2);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "the vault is open, and requests are answered");
    let _ = broker.stop().succeeded();
    until_true("a wrong one is tried again", || issue(&world, "not the passphrase").code == Some(77));
    too_soon(issue(&world, world.passphrase()), 3);
}
