//! INV-12: a keeper is killed at random moments of rekeying; one of the two passphrases opens the
//! vault afterwards, and everything that was in it.

use std::time::Instant;

use tests::world::until::until;
use tests::world::{Call, HANDLE, World, passphrase};

use super::deposits::{Moment, interrupted, turns};

const PASSPHRASE: &str = "UGENT_SECRETS_PASSPHRASE";

fn rekey(world: &World, old: &str, new: &str) -> Call {
    world.ugent(&["rekey", "--new-passphrase-fd", "0"]).env(PASSPHRASE, old).typing(new)
}

/// Whether all of it opens by that passphrase: the vault, and the journal's root.
fn opens(world: &World, passphrase: &str) -> bool {
    let told = until("it is time for another try", || {
        let told = world.ugent(&["audit", "--verify"]).env(PASSPHRASE, passphrase).run();
        (told.code != Some(75)).then_some(told)
    });
    assert!(matches!(told.code, Some(0 | 77)), "{}{}", told.stdout, told.stderr);
    told.code == Some(0)
}

#[test]
fn one_of_both_passphrases_opens_the_vault_after_a_kill() {
    let world = World::ready();
    let mut current = world.passphrase().to_owned();
    let before = world.home().deposits();
    let next = passphrase();
    let started = Instant::now();
    drop(rekey(&world, &current, &next).run().succeeded());
    let whole = started.elapsed();
    current = next;
    let (mut kills, mut unseen) = (0, 0);
    for turn in 0..turns().min(100) {
        let next = passphrase();
        let succeeded = interrupted(&world, rekey(&world, &current, &next), Moment::of(turn, whole));
        let is_next = opens(&world, &next);
        assert_ne!(opens(&world, &current), is_next, "one of both, and not the other");
        assert!(is_next || !succeeded, "what was told is so");
        kills += u32::from(!succeeded);
        unseen += u32::from(!succeeded && is_next);
        if is_next {
            current = next;
        }
    }
    eprintln!("{kills} rekeyings were killed, {unseen} of these were complete");
    assert!(kills > 0, "the moments are badly chosen");

    // Opens the vault, which drops what crashes left.
    let rotate = world.ugent(&["rotate", HANDLE, "--stdin"]).env(PASSPHRASE, &current);
    drop(rotate.typing(tests::world::key()).run().succeeded());
    let files = |snapshot: &tests::world::Snapshot| snapshot.len();
    assert_eq!(files(&world.home().deposits()), files(&before), "no half-made header is left");
}
