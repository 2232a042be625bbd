//! INV-04: the broker is killed at random instants under load. No request that reached the provider
//! lacks its record, client by client, and the journal verifies each time.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tests::standin::Seen;
use tests::world::http::{Ask, Http};
use tests::world::until::seen;
use tests::world::{Broker, World, below};

/// What tells at the provider whose a request was.
const CLIENT: &str = "x-client";

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

/// A client with a name and a token of its own, that asks one thing after the other.
struct Client {
    name: String,
    token: String,
}

impl Client {
    fn all_of(world: &World) -> Vec<Self> {
        let names = (0..CLIENTS).map(|number| format!("client-{number}"));
        let clients = names.map(|name| Self { token: world.issued(&name), name }).collect::<Vec<_>>();
        let grant = |client: &Self| World::grant_of("openai_api_key", &client.name, "localhost", 300);
        world.home().write("secrets.grants.toml", &clients.iter().map(grant).collect::<String>());
        clients
    }

    fn ask(&self) -> Ask {
        Ask::chat().header(CLIENT, &self.name).bearer(&self.token)
    }
}

/// How many uses are recorded of each client.
fn used(world: &World, clients: &[Client]) -> Vec<usize> {
    let records = world.events("lease.used");
    let of = |client: &Client| records.iter().filter(|record| record["consumer"] == *client.name).count();
    let each: Vec<usize> = clients.iter().map(of).collect();
    assert_eq!(each.iter().sum::<usize>(), records.len(), "there are no others");
    each
}

/// How many requests of each reached the provider, all with the value.
fn reached(world: &World, clients: &[Client]) -> Vec<usize> {
    let seen = world.standin().log().all();
    let is_of = |one: &Seen, client: &Client| one.header(CLIENT).any(|name| name == client.name.as_bytes());
    clients.iter().map(|client| seen.iter().filter(|one| is_of(one, client)).count()).collect()
}

#[test]
fn a_broker_that_is_killed_at_any_instant_under_load_sent_nothing_that_is_not_recorded() {
    let (mut sent, mut turn) = (0, 0);
    while turn < turns() {
        let world = World::ready();
        let clients = Client::all_of(&world);
        let until = turns().min(turn + A_HOME);
        while turn < until {
            sent += one_kill(&world, &clients, turn);
            turn += 1;
        }
    }
    eprintln!("{turn} kills, {sent} requests had reached the provider");
    assert!(sent > turn as usize, "there was hardly any load");
}

/// How many requests reached the provider before the kill.
fn one_kill(world: &World, clients: &[Client], turn: u32) -> usize {
    let (used_before, reached_before) = (used(world, clients), reached(world, clients));
    let before = reached_before.iter().sum::<usize>();
    let broker = world.broker();
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| {
                let ask = client.ask();
                while Http::tcp(world.port()).and_then(|mut http| http.ask(&ask)).is_ok() {}
            });
        }
        assert!(world.standin().log().wait_until(|seen| seen.len() > before), "there is load");
        let instant = Duration::from_micros(u64::from(below(WITHIN * 1000)));
        let _ = seen(instant, || None::<()>);
        strike(&broker, turn);
        let _ = broker.ended();
    });
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    let (used, reached) = (used(world, clients), reached(world, clients));
    for (number, client) in clients.iter().enumerate() {
        let (used, reached) = (used[number] - used_before[number], reached[number] - reached_before[number]);
        // One at a time: what was recorded and not sent is the one that was under way.
        assert!(
            (reached..=reached + 1).contains(&used),
            "INV-04: turn {turn}: {reached} requests of {} had a value, {used} are recorded",
            client.name
        );
    }
    reached.iter().sum::<usize>() - before
}
