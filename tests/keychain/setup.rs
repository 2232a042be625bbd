//! The first minutes where there is a keychain: nobody is asked for a passphrase.

use tests::world::http::Ask;
use tests::world::{Desktop, HANDLE, World};

#[test]
fn setup_offers_the_keychain_first_and_ends_with_a_gateway_without_a_passphrase() {
    let desktop = Desktop::unlocked();
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    let answers = [
        ("number", ""),
        ("provider", ""),
        ("key", world.key()),
        ("consumer", ""),
        ("number", ""),
        ("send it", "n"),
    ];
    let setup = || world.at_terminal("setup").env("DBUS_SESSION_BUS_ADDRESS", &desktop.address());
    let told = setup().answering(&answers).run().succeeded().stdout;
    assert!(told.contains("1  keychain") && told.contains("2  file-vault"), "{told}");
    assert!(!told.contains("passphrase for") && !told.contains(world.key()), "{told}");
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(world.key().as_bytes()));
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());

    // Again, with nothing to be made.
    let again = [("provider", ""), ("Enter for", ""), ("consumer", ""), ("number", ""), ("send it", "n")];
    let told = setup().answering(&again).run().succeeded().stdout;
    assert!(told.contains("in the keychain already"), "{told}");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn a_broker_in_the_background_opens_the_keychain_and_serves_without_it_if_it_is_locked() {
    let desktop = Desktop::unlocked();
    let world = World::bare_of_one_user().on_bus(&desktop.address()).initialized();
    drop(world.ugent(&["broker", "start"]).run().succeeded());
    world.add(HANDLE, world.key());
    drop(world.ugent(&["broker", "stop"]).run().succeeded());

    desktop.lock();
    let told = world.ugent(&["broker", "start"]).run().succeeded();
    assert!(told.stderr.contains("warning: ") && told.stderr.contains("hint: "), "{}", told.stderr);
    assert!(told.stdout.contains("in the keychain, until they are used"), "{}", told.stdout);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}
