//! Locked brokers: they start, say so, refuse, and serve once they are unlocked.

use tests::world::http::Ask;
use tests::world::{HANDLE, World};

#[test]
fn a_broker_without_a_passphrase_starts_locked_and_serves_after_unlock() {
    let world = World::ready();
    let broker = world.locked_broker();
    assert_eq!(broker.status_of("/healthz"), Some(200));
    assert_eq!(broker.status_of("/readyz"), Some(503));
    let answer = world.ask(&Ask::chat());
    assert_eq!((answer.status, answer.refusal()), (503, Some("vault_locked")));
    assert!(answer.header("retry-after").is_some());

    drop(unlock(&world, world.passphrase()).succeeded());
    broker.wait_for_status("/readyz", 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
}

/// `unlock` with the passphrase by a descriptor, as a script would.
fn unlock(world: &World, passphrase: &str) -> tests::world::Outcome {
    let call = world.ugent(&["unlock", "--passphrase-fd", "0"]).without("UGENT_SECRETS_PASSPHRASE");
    call.typing(format!("{passphrase}\n")).run()
}

#[test]
fn unlock_takes_the_passphrase_from_the_environment_too() {
    let world = World::ready();
    let broker = world.locked_broker();
    drop(world.ugent(&["unlock"]).run().succeeded());
    broker.wait_for_status("/readyz", 200);
}

#[test]
fn lock_ends_every_use_until_unlock() {
    let world = World::ready();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["lock"]).run().succeeded());
    broker.wait_for_status("/readyz", 503);
    assert_eq!(world.ask(&Ask::chat()).refusal(), Some("vault_locked"));
    drop(world.ugent(&["unlock"]).run().succeeded());
    broker.wait_for_status("/readyz", 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(world.events("vault.locked").len(), 1);
    let ended = world.events("lease.ended");
    let issued = world.events("lease.issued");
    assert_eq!((ended.len(), issued.len()), (1, 2));
    assert_eq!((&ended[0]["reason"], &ended[0]["lease"]), (&"vault_locked".into(), &issued[0]["lease"]));
    assert_eq!(world.standin().log().all().len(), 2);
}

#[test]
fn a_wrong_passphrase_unlocks_nothing_and_is_recorded() {
    let world = World::ready();
    let broker = world.locked_broker();
    let failed = world.events("vault.unlock_failed").len();
    unlock(&world, "not the passphrase").refused(77, &[]);
    assert_eq!(broker.status_of("/readyz"), Some(503));
    assert_eq!(world.events("vault.unlock_failed").len(), failed + 1);
    drop(unlock(&world, world.passphrase()).succeeded());
}

#[test]
fn a_locked_broker_still_lists_and_refuses_to_deposit() {
    let world = World::ready();
    let _broker = world.locked_broker();
    assert_eq!(world.handles(), [HANDLE]);
    world.ugent(&["add", "@other", "--stdin"]).typing("0123456789").run().refused(77, &[]);
    assert_eq!(world.handles(), [HANDLE]);
}

#[test]
fn the_journal_is_whole_after_locked_spans() {
    let world = World::ready();
    let broker = world.locked_broker();
    let _ = world.ask(&Ask::chat());
    drop(world.ugent(&["unlock"]).run().succeeded());
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["lock"]).run().succeeded());
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    let _ = broker.stop().succeeded();
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn unlock_and_lock_without_a_broker_say_how_to_start_one() {
    let world = World::ready();
    for verb in ["unlock", "lock"] {
        world.ugent(&[verb]).run().refused(69, &[]);
    }
}
