//! Earlier versions: kept sealed for as long as was asked for, gone back to, and dropped on time.

use serde_json::Value;
use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{HANDLE, World, key};

/// Rotates and keeps the version before for that long.
#[track_caller]
fn rotate(world: &World, value: &str, keep: &str) {
    drop(world.ugent(&["rotate", HANDLE, "--keep", keep, "--stdin"]).typing(value).run().succeeded());
}

fn inspect(world: &World) -> Value {
    world.json(&["inspect", HANDLE, "--json"])
}

fn sealed(world: &World) -> usize {
    let vault = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap();
    vault.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "sealed")).count()
}

/// The value the provider was shown last.
fn shown(world: &World) -> String {
    let seen = world.standin().log().all();
    let header = seen.last().unwrap().header("authorization").next().unwrap().to_vec();
    String::from_utf8(header).unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

#[test]
fn what_was_kept_is_shown_and_gone_back_to_under_its_own_number() {
    for with_broker in [None, Some(())] {
        let world = World::ready();
        let _broker = with_broker.map(|()| world.broker());
        let first = inspect(&world);
        assert!(first["previous"].is_null());
        rotate(&world, &key(), "24h");
        let second = inspect(&world);
        assert_eq!((&second["version"], &second["previous"]["version"]), (&2.into(), &1.into()));
        assert_eq!(second["previous"]["fingerprint"], first["fingerprint"]);
        assert!(second["previous"]["kept_until"].is_string());
        let told = world.ugent(&["inspect", HANDLE]).run().succeeded().stdout;
        assert!(told.contains("previous: version 1, fingerprint "), "{told}");
        assert_eq!(sealed(&world), 2);

        drop(world.ugent(&["rollback", HANDLE]).run().succeeded());
        let back = inspect(&world);
        assert_eq!((&back["version"], &back["fingerprint"]), (&1.into(), &first["fingerprint"]));
        assert!(back["previous"].is_null() && back["rotated"].is_string());
        assert_eq!(sealed(&world), 1, "the later one is gone");
        let record = &world.events("secret.rolled_back")[0];
        assert_eq!((&record["secret"], &record["version"]), (&HANDLE.into(), &1.into()));

        world.rotate(HANDLE, &key());
        assert_eq!(inspect(&world)["version"], 3, "the number of the one that went is not used again");
    }
}

#[test]
fn after_going_back_the_old_value_is_sent_and_the_later_ones_leases_are_over() {
    let world = World::ready();
    let _broker = world.broker();
    let later = key();
    rotate(&world, &later, "1h");
    let _ = world.ask(&Ask::chat());
    assert_eq!(shown(&world), later);
    drop(world.ugent(&["rollback", HANDLE]).run().succeeded());
    let ended = world.events("lease.ended");
    assert_eq!(ended.last().unwrap()["reason"], "secret_rolled_back");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(shown(&world), world.key());
    assert_eq!(world.events("lease.issued").last().unwrap()["version"], 1);
}

#[test]
fn without_keep_there_is_nothing_to_go_back_to_and_only_one_is_ever_kept() {
    let world = World::ready();
    let nothing = || {
        let before = world.home().deposits();
        world.ugent(&["rollback", HANDLE]).run().refused(65, &["no earlier version", HANDLE]);
        assert!(world.home().deposits() == before);
    };
    nothing();
    world.rotate(HANDLE, &key());
    nothing();
    rotate(&world, &key(), "1h");
    rotate(&world, &key(), "1h");
    assert_eq!(sealed(&world), 2);
    assert_eq!(inspect(&world)["previous"]["version"], 3);
    world.rotate(HANDLE, &key());
    nothing();
    world.ugent(&["rollback", "@unknown"]).run().refused(65, &["@unknown"]);
    rotate(&world, &key(), "1h");
    drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());
    assert_eq!(sealed(&world), 0);
}

#[test]
fn a_running_broker_drops_what_was_kept_on_time_also_while_it_is_locked() {
    for is_locked in [None, Some(())] {
        let world = World::ready();
        let _broker = world.broker();
        rotate(&world, &key(), "4s");
        assert_eq!(sealed(&world), 2);
        if is_locked.is_some() {
            drop(world.ugent(&["lock"]).run().succeeded());
        }
        until_true("the sealed file is gone", || sealed(&world) == 1);
        assert!(inspect(&world)["previous"].is_null());
        drop(world.ugent(&["unlock"]).run().succeeded());
        world.ugent(&["rollback", HANDLE]).run().refused(65, &["no earlier version"]);
    }
}

#[test]
fn what_was_over_while_no_keeper_ran_goes_with_the_next_that_may_change_something() {
    let world = World::ready();
    rotate(&world, &key(), "1s");
    until_true("it is not shown any more", || inspect(&world)["previous"].is_null());
    assert_eq!(sealed(&world), 2, "looking changes nothing");
    {
        let _broker = world.locked_broker();
        until_true("the sealed file is gone", || sealed(&world) == 1);
    }
    rotate(&world, &key(), "1s");
    until_true("it is not shown any more", || inspect(&world)["previous"].is_null());
    assert_eq!(sealed(&world), 2);
    // A command's own keeper, which is unlocked.
    world.ugent(&["rollback", HANDLE]).run().refused(65, &["no earlier version"]);
    assert_eq!(sealed(&world), 1);
}

#[test]
fn a_kept_value_that_is_damaged_is_not_gone_back_to() {
    let world = World::ready();
    let vault = world.home().path().join("secrets/vault");
    let is_sealed = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "sealed");
    let first =
        std::fs::read_dir(&vault).unwrap().flatten().map(|entry| entry.path()).find(is_sealed).unwrap();
    rotate(&world, &key(), "1h");
    let mut bytes = std::fs::read(&first).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&first, bytes).unwrap();
    let before = world.home().deposits();
    world.ugent(&["rollback", HANDLE]).run().refused(65, &["version 1", "damaged"]);
    assert!(world.home().deposits() == before);
    assert_eq!(inspect(&world)["version"], 2);
}
