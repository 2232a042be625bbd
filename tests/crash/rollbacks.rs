//! INV-12: a keeper is killed at random moments of going back to an earlier version; the secret is
//! at one of both afterwards, and opens.

use std::time::Instant;

use tests::world::http::Ask;
use tests::world::{HANDLE, World, key};

use super::deposits::{Moment, interrupted, turns};

/// Version and fingerprint.
fn current(world: &World) -> (u64, String) {
    let row = world.json(&["inspect", HANDLE, "--json"]);
    (row["version"].as_u64().unwrap(), row["fingerprint"].as_str().unwrap().to_owned())
}

fn rotate(world: &World, value: &str) {
    let call = world.ugent(&["rotate", HANDLE, "--keep", "1h", "--stdin"]);
    drop(call.typing(value).run().succeeded());
}

#[test]
fn a_secret_is_at_one_of_both_versions_after_a_kill() {
    let world = World::ready();
    rotate(&world, &key());
    let started = Instant::now();
    drop(world.ugent(&["rollback", HANDLE]).run().succeeded());
    let whole = started.elapsed();
    let (mut kills, mut unseen, mut highest) = (0, 0, 2);
    let mut value = world.key().to_owned();
    for turn in 0..turns().min(60) {
        let (earlier, later) = (current(&world), key());
        rotate(&world, &later);
        let newer = current(&world);
        assert_eq!(newer.0, highest + 1, "no number is given out twice");
        highest = newer.0;
        let succeeded = interrupted(&world, world.ugent(&["rollback", HANDLE]), Moment::of(turn, whole));
        let now = current(&world);
        assert!(now == earlier || (now == newer && !succeeded), "{now:?} of {earlier:?} and {newer:?}");
        kills += u32::from(!succeeded);
        unseen += u32::from(!succeeded && now == earlier);
        if now == newer {
            value = later;
        }
    }
    eprintln!("{kills} were killed, {unseen} of these were complete");
    assert!(kills > 0, "the moments are badly chosen");
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());

    let _broker = world.broker();
    let _ = world.ask(&Ask::chat());
    let seen = world.standin().log().all();
    let shown = seen[0].header("authorization").next().unwrap().to_vec();
    assert_eq!(String::from_utf8(shown).unwrap(), format!("Bearer {value}"));
    let vault = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap().count();
    let kept = usize::from(!world.json(&["inspect", HANDLE, "--json"])["previous"].is_null());
    assert_eq!(vault, 2 + kept, "a header, one sealed file a version, and no orphans");
}
