//! A keychain that locks, freezes, dies or comes back under a running broker: what is cached goes on,
//! the rest is refused soon, and nothing hangs.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tests::world::http::{Answer, Ask};
use tests::world::until::until_true;
use tests::world::{Desktop, HANDLE, World, letters};

/// The keeper's deadline for a call, and a busy machine.
const REFUSED_BY: Duration = Duration::from_secs(12);
const OTHER: &str = "@other_key";

/// A world with two keys, of which the one that is asked for by name is in nobody's cache.
fn with_two_keys(desktop: &Desktop) -> World {
    let world = desktop.ready();
    world.add(OTHER, &letters(40));
    let second = World::grant_of("other_key", "ugent-core", "localhost", 300);
    world.home().write("secrets.grants.toml", &format!("{}{second}", world.grant()));
    world
}

fn ask_for_other(world: &World) -> Answer {
    let started = Instant::now();
    let answer = world.ask(&Ask::chat().header("x-ugent-secret", OTHER));
    assert!(started.elapsed() < REFUSED_BY, "it took {:?}", started.elapsed());
    answer
}

/// The key of the stand-in is the world's; with the other one it answers 401.
fn is_given_out(answer: &Answer) -> bool {
    answer.status == 401 && answer.header("x-ugent-refusal").is_none()
}

#[test]
fn a_locked_collection_is_503_with_retry_after_and_a_sentence_to_a_terminal() {
    let desktop = Desktop::unlocked();
    let world = with_two_keys(&desktop);
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    desktop.lock();
    let refused = ask_for_other(&world);
    assert_eq!((refused.status, refused.header("x-ugent-refusal")), (503, Some("keychain_locked")));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(world.ask(&Ask::chat()).status, 200, "what is cached goes on");
    let add = world.ugent(&["add", "@third", "--stdin"]).typing("a value").run();
    assert_ne!(add.code, Some(0));
    assert!(add.stderr.contains("the keychain is locked"), "{}", add.stderr);
    assert_eq!(world.handles(), [HANDLE, OTHER], "nothing was added");
    let _ = broker.stop().succeeded();
}

#[test]
fn a_killed_keyring_costs_what_is_not_cached_until_it_is_back() {
    let mut desktop = Desktop::unlocked();
    let world = with_two_keys(&desktop);
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    desktop.kill_keyring();
    assert_eq!(ask_for_other(&world).status, 503);
    let add = world.ugent(&["add", "@third", "--stdin"]).typing("a value").run();
    assert_eq!(add.code, Some(69), "{}", add.stderr);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "what is cached goes on");
    desktop.start_keyring();
    until_true("the other key is given out", || is_given_out(&ask_for_other(&world)));
    drop(world.ugent(&["add", "@third", "--stdin"]).typing("a value").run().succeeded());
    let _ = broker.stop().succeeded();
}

#[test]
fn a_bus_that_dies_and_comes_back_is_found_again() {
    let mut desktop = Desktop::unlocked();
    let world = with_two_keys(&desktop);
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    desktop.kill_bus();
    assert_eq!(ask_for_other(&world).status, 503);
    desktop.start_bus();
    desktop.start_keyring();
    until_true("the other key is given out", || is_given_out(&ask_for_other(&world)));
    let _ = broker.stop().succeeded();
}

#[test]
fn a_frozen_keyring_holds_up_nobody_who_does_not_need_it() {
    let desktop = Desktop::unlocked();
    let world = with_two_keys(&desktop);
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    desktop.signal_keyring(Signal::SIGSTOP);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| ask_for_other(&world));
        for _ in 0..20 {
            let started = Instant::now();
            assert_eq!(world.ask(&Ask::chat()).status, 200);
            assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
        }
        assert_eq!(waits.join().expect("an answer").status, 503);
    });
    assert!(!world.events("keychain.restarted").is_empty());
    desktop.signal_keyring(Signal::SIGCONT);
    until_true("the other key is given out", || is_given_out(&ask_for_other(&world)));
    let _ = broker.stop().succeeded();
}

#[test]
fn a_broker_that_starts_with_a_locked_keyring_serves_once_it_is_unlocked() {
    let mut desktop = Desktop::unlocked();
    let world = desktop.ready();
    desktop.lock();
    let broker = world.locked_broker();
    let refused = world.ask(&Ask::chat());
    assert_eq!((refused.status, refused.header("x-ugent-refusal")), (503, Some("keychain_locked")));
    desktop.kill_keyring();
    desktop.start_keyring();
    until_true("the key is given out", || world.ask(&Ask::chat()).status == 200);
    let _ = broker.stop().succeeded();
}

#[test]
fn a_killed_helper_costs_one_deposit_at_most_and_leaves_it_whole_or_absent() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let broker = world.broker();
    let (mut last, mut killed) = (world.key().to_owned(), 0);
    for _ in 0..10 {
        let next = letters(40);
        let mut rotate = world.ugent(&["rotate", HANDLE, "--stdin"]).typing(next.clone()).start();
        if let Some(helper) = broker.children().into_iter().find(|child| child.name == "keychaind") {
            let _ = kill(helper.pid, Signal::SIGKILL);
            killed += 1;
        }
        if rotate.outcome().code == Some(0) {
            last = next;
        }
        let of_key = ["application", "ugent-vault", "name", HANDLE];
        let shown = desktop.search(&of_key);
        assert!(shown.contains(&last), "the last one that was taken is there");
    }
    assert!(killed > 0, "none lived when it was to be killed");
    drop(world.ugent(&["doctor", "--fix"]).run());
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(last.as_bytes()));
    assert_eq!(desktop.search(&of_key).matches("label = ").count(), 1, "no orphan is left");
    let _ = broker.stop().succeeded();
}
