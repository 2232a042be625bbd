//! Grants take effect within a second of any change, without a restart.

use std::time::Duration;

use tests::world::World;
use tests::world::http::Ask;
use tests::world::until::seen;

fn changes_to(world: &World, status: u16) -> bool {
    let within = Duration::from_secs(1);
    seen(within, || (world.ask(&Ask::chat()).status == status).then_some(())).is_some()
}

#[test]
fn a_grant_that_is_written_while_the_broker_runs_takes_effect_within_a_second() {
    let world = World::ready();
    std::fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 403);
    world.home().write("secrets.grants.toml", &world.grant());
    assert!(changes_to(&world, 200));
}

#[test]
fn a_grants_file_that_is_removed_denies_within_a_second() {
    let world = World::ready();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    std::fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    assert!(changes_to(&world, 403), "the lease in force ends with it");
}

#[test]
fn a_grants_file_that_others_may_write_denies_within_a_second() {
    let world = World::of_one_user();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    world.home().chmod("secrets.grants.toml", 0o660);
    assert!(changes_to(&world, 403));
    world.home().chmod("secrets.grants.toml", 0o600);
    assert!(changes_to(&world, 200), "and is in force again when its mode is mended");
}

#[test]
fn a_grants_file_that_is_renamed_away_and_back_is_followed() {
    let world = World::ready();
    let _broker = world.broker();
    let path = world.home().path().join("secrets.grants.toml");
    let away = world.home().path().join("elsewhere.toml");
    std::fs::rename(&path, &away).unwrap();
    assert!(changes_to(&world, 403));
    std::fs::rename(&away, &path).unwrap();
    assert!(changes_to(&world, 200));
}

#[test]
fn a_grants_file_that_is_written_in_place_is_followed() {
    let world = World::ready();
    let _broker = world.broker();
    let path = world.home().path().join("secrets.grants.toml");
    std::fs::write(&path, World::grant_of("openai_api_key", "somebody", "localhost", 300)).unwrap();
    assert!(changes_to(&world, 403));
    std::fs::write(&path, world.grant()).unwrap();
    assert!(changes_to(&world, 200));
}

#[test]
fn a_grants_file_that_is_given_to_somebody_else_denies_within_a_second() {
    let world = World::ready();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let path = world.home().path().join("secrets.grants.toml");
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        assert!(!nix::unistd::geteuid().is_root(), "root can give files away");
        return;
    }
    assert!(changes_to(&world, 403));
}

#[test]
fn a_new_grants_file_is_recorded() {
    let world = World::ready();
    let _broker = world.broker();
    let loaded = world.events("grants.loaded").len();
    world.home().write("secrets.grants.toml", &World::grant_of("openai_api_key", "x", "localhost", 1));
    assert!(changes_to(&world, 403));
    assert_eq!(world.events("grants.loaded").len(), loaded + 1);
    std::fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    tests::world::until::until_true("its removal is recorded", || !world.events("grants.refused").is_empty());
}
