//! No keychain to be used: `init` says what is missing and what to type, soon, and makes nothing.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::world::{Desktop, World};

/// Two seconds for the keychain, and the start of two processes on a busy machine.
const SOON: Duration = Duration::from_secs(6);

fn init_is_refused(world: &World, why: &str) {
    let started = Instant::now();
    let told = world.ugent(&["init"]).run();
    assert!(started.elapsed() < SOON, "it took {:?}", started.elapsed());
    assert_eq!(told.code, Some(69), "{}", told.stderr);
    assert!(told.stderr.contains(why), "{}", told.stderr);
    assert!(told.stderr.contains("ugent secret init --backend file-vault"), "{}", told.stderr);
    assert!(!world.home().path().join("secrets").exists(), "nothing was made");
}

#[test]
fn without_a_bus() {
    let world = World::bare_of_one_user().on_bus("unix:path=/nobody/listens/here");
    init_is_refused(&world, "there is no session bus");
}

#[test]
fn without_a_keyring_on_the_bus() {
    let desktop = Desktop::without_keyring();
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    init_is_refused(&world, "nobody on the session bus keeps secrets");
}

#[test]
fn with_a_locked_keyring() {
    let desktop = Desktop::unlocked();
    desktop.lock();
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    init_is_refused(&world, "the keychain is locked");
}

#[test]
fn with_a_frozen_keyring() {
    let desktop = Desktop::unlocked();
    desktop.signal_keyring(Signal::SIGSTOP);
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    init_is_refused(&world, "the keychain does not answer");
}

#[test]
fn without_the_collection_that_settings_name() {
    let desktop = Desktop::unlocked();
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    world.home().write("secrets.toml", &format!("{}collection = \"no such\"\n", world.settings()));
    init_is_refused(&world, "has no such collection");
}

#[test]
fn who_asks_for_the_file_vault_gets_it_without_a_look_at_the_keychain() {
    let world = World::bare_of_one_user().on_bus("unix:path=/nobody/listens/here");
    let init = world.ugent(&["init", "--backend", "file-vault"]);
    let told = init.env("UGENT_SECRETS_PASSPHRASE", world.passphrase()).run().succeeded();
    assert!(told.stdout.contains("backend: file-vault"), "{}", told.stdout);
}
