//! What looking for the value in a response costs each piece of it: less than can be told from noise.
//!
//! The noise is measured too: of four providers that are one, over one connection of one broker, two
//! differ in nothing, one is searched, and one is late on purpose, so that the measurement is measured.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::world::http::{Ask, Http};
use tests::world::{Binaries, Layout, World};

/// So many rounds make a block, of which medians are taken: few, so that the machine is the same for all.
const ROUNDS: usize = 24;
const BLOCKS: usize = 30;
/// In microseconds: what the clock and one turn of the event loop may differ by anyhow.
const TOLERATED: f64 = 3.0;
/// What each provider has in its file, and how it answers: late is by a millisecond.
const PROVIDERS: [(&str, &str, &str); 4] = [
    ("searched", "", "hold gate=a"),
    ("one", "scrub = false\n", "hold gate=a"),
    ("other", "scrub = false\n", "hold gate=a"),
    ("late", "scrub = false\n", "hold gate=a gap=1"),
];

/// A world with these providers, and a key for each.
fn world() -> World {
    let world = World::with(Binaries::of_release(), Layout::of_this_run()).initialized();
    let (mut providers, mut grants) = (String::new(), String::new());
    for (name, more, _) in PROVIDERS {
        let like = format!("id = \"{name}\"\nlike = \"openai\"");
        providers += &format!("{}{more}", world.providers().replace("id = \"openai\"", &like));
        grants += &World::grant_of(name, "ugent-core", "localhost", 300);
    }
    world.home().write("secrets.providers.toml", &providers);
    world.home().write("secrets.grants.toml", &grants);
    for (name, ..) in PROVIDERS {
        let handle = format!("@{name}");
        let call = world.ugent(&["add", &handle, "--provider", name, "--stdin"]);
        drop(call.typing(world.key()).run().succeeded());
    }
    world
}

/// From the moment the provider lets an event go until the client has it.
fn delay(world: &World, http: &mut Http, ask: &[u8]) -> Duration {
    http.send(ask).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    http.event().unwrap().expect("a first event");
    let started = Instant::now();
    world.standin().open_gate("a");
    http.event().unwrap().expect("a second one");
    let taken = started.elapsed();
    while http.event().unwrap().is_some() {}
    taken
}

/// The median of each block, in microseconds.
fn blocks(all: &[Duration]) -> Vec<f64> {
    all.chunks(ROUNDS).map(|block| median(block.iter().map(|taken| taken.as_secs_f64() * 1e6))).collect()
}

fn median(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}

/// By how much medians of the same differ at most, in three blocks of four.
fn spread(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<f64> = one.iter().zip(other).map(|(one, other)| (one - other).abs()).collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() * 3 / 4]
}

#[test]
fn an_event_is_not_late_for_being_searched() {
    let world = world();
    let _broker = world.broker();
    let token = world.token();
    let body = json!({ "model": "m", "messages": [], "stream": true });
    let asks = PROVIDERS.map(|(name, _, script)| {
        let ask = Ask::post(&format!("/proxy/{name}/v1/chat/completions"), &body);
        ask.script(script).bearer(&token).bytes()
    });
    let mut http = world.tcp();
    let mut taken = [const { Vec::new() }; 4];
    // Interleaved, so that whatever else the machine does falls on all; and each is as often behind the
    // late one as another.
    for round in 0..ROUNDS * BLOCKS {
        let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
        for which in order.map(|turn| (round / 2 + turn) % 3).into_iter().chain([3]) {
            taken[which].push(delay(&world, &mut http, &asks[which]));
        }
    }
    let [searched, one, other, late] = taken.each_ref().map(|taken| blocks(taken));
    let passed: Vec<f64> = one.iter().zip(&other).map(|(one, other)| (one + other) / 2.0).collect();
    let noise = spread(&one, &other);
    let more = |than: &[f64]| median(than.iter().zip(&passed).map(|(than, passed)| than - passed));
    let (added, control) = (more(&searched), more(&late));
    let passed = median(passed.iter().copied());
    println!("{passed:.1} us an event, searched {added:+.1}, late {control:+.1}; the noise is {noise:.1}");
    assert!(control > noise.max(TOLERATED), "what is late is not found: the machine is too noisy");
    assert!(
        added <= noise.max(TOLERATED),
        "{added:.1} us more for the search, and the noise is {noise:.1} us"
    );
}
