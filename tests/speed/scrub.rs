//! What looking for the value in a response costs each piece of it.

use std::time::{Duration, Instant};

use tests::world::http::Ask;
use tests::world::{Binaries, Layout, World};

/// Interleaved, so that whatever else the machine does falls on both.
const ROUNDS: usize = 300;

fn world(more: &str) -> World {
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized().granted();
    world.home().write("secrets.providers.toml", &format!("{}{more}", world.providers()));
    world
}

/// From the moment the provider lets an event go until the client has it.
fn delay(world: &World, token: &str) -> Duration {
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=a").bearer(token).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    http.event().unwrap().expect("a first event");
    let started = Instant::now();
    world.standin().open_gate("a");
    http.event().unwrap().expect("a second one");
    let taken = started.elapsed();
    while http.event().unwrap().is_some() {}
    taken
}

/// What it takes when nothing else disturbs it.
fn fastest(all: &[Duration]) -> Duration {
    all.iter().min().copied().unwrap()
}

#[test]
fn an_event_is_not_late_for_being_searched() {
    let (searched, passed) = (world(""), world("scrub = false\n"));
    let _brokers = (searched.broker(), passed.broker());
    let tokens = (searched.token(), passed.token());
    let mut taken = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Neither is always the first.
        let turns = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_searched in turns {
            if is_searched {
                taken.0.push(delay(&searched, &tokens.0));
            } else {
                taken.1.push(delay(&passed, &tokens.1));
            }
        }
    }
    let (with, without) = (fastest(&taken.0), fastest(&taken.1));
    println!("fastest of {ROUNDS}: {with:?} with the search, {without:?} without");
    assert!(
        with < without.mul_f64(1.25) + Duration::from_micros(10),
        "{with:?} with the search, {without:?} without"
    );
}
