//! INV-04: the broker is killed at random instants under load. No request that reached the provider
//! lacks its record, and the journal verifies each time.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tests::world::http::{Ask, Http};
use tests::world::until::seen;
use tests::world::{Broker, World, below};

/// Kills in one home; then another is made, since what is counted is read anew each time.
const A_HOME: u32 = 50;
/// Clients at once.
const CLIENTS: usize = 4;
/// A kill comes at most so many milliseconds after the first answer of a turn.
const WITHIN: u32 = 150;

/// How many kills there are.
fn turns() -> u32 {
    match std::env::var("UGENT_TESTS").as_deref() {
        Ok("quick") => 5,
        Ok("long") => 500,
        Ok(_) | Err(_) => 50,
    }
}

/// What is killed: the keeper alone, or every process of the broker.
fn strike(broker: &Broker, turn: u32) {
    let mut struck = vec![broker.child("keeperd").pid];
    if turn % 2 == 1 {
        struck.extend(broker.children().into_iter().map(|child| child.pid));
        broker.signal(Signal::SIGKILL);
    }
    for pid in struck {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

fn used(world: &World) -> usize {
    world.events("lease.used").len()
}

fn reached(world: &World) -> usize {
    world.standin().log().all().len()
}

#[test]
fn a_broker_that_is_killed_at_any_instant_under_load_sent_nothing_that_is_not_recorded() {
    let (mut sent, mut turn) = (0, 0);
    while turn < turns() {
        let world = World::ready();
        let until = turns().min(turn + A_HOME);
        while turn < until {
            sent += one_kill(&world, turn);
            turn += 1;
        }
    }
    eprintln!("{turn} kills, {sent} requests had reached the provider");
    assert!(sent > turn as usize, "there was hardly any load");
}

/// How many requests reached the provider before the kill.
fn one_kill(world: &World, turn: u32) -> usize {
    let (used_before, reached_before) = (used(world), reached(world));
    let broker = world.broker();
    let token = world.token();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let ask = Ask::chat().bearer(&token);
                while Http::tcp(world.port()).and_then(|mut http| http.ask(&ask)).is_ok() {}
            });
        }
        assert!(world.standin().log().wait_until(|seen| seen.len() > reached_before), "there is load");
        let instant = Duration::from_micros(u64::from(below(WITHIN * 1000)));
        let _ = seen(instant, || None::<()>);
        strike(&broker, turn);
        let _ = broker.ended();
    });
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    let (used, reached) = (used(world) - used_before, reached(world) - reached_before);
    assert!(used >= reached, "INV-04: turn {turn}: {reached} requests had a value, {used} are recorded");
    reached
}
