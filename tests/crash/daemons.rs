//! kill -9 of each process: egressd costs only its requests in flight, keeperd ends the broker.

use nix::sys::signal::{Signal, kill};
use tests::standin::Ended;
use tests::world::World;
use tests::world::http::{Ask, Http};
use tests::world::until::until_true;

fn held_stream(world: &World) -> Http {
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=never").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    http
}

#[test]
fn a_dead_egressd_costs_its_streams_and_nothing_else() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = held_stream(&world);
    let (keeper, first) = (broker.child("keeperd"), broker.child("egressd"));
    kill(first.pid, Signal::SIGKILL).unwrap();
    assert!(http.rest().is_err(), "its stream is cut");
    assert_eq!(world.ask(&Ask::chat()).status, 200, "a request made during the restart waits and succeeds");
    let second = broker.child("egressd");
    assert_ne!(second.pid, first.pid);
    assert!(keeper.lives(), "keeperd goes on");
    assert!(world.standin().log().wait_until(|seen| seen[0].ended == Ended::Cut));
    until_true("the restart is recorded", || world.events("egress.restarted").len() == 1);
    let lost = world.events("release.closed");
    assert!(
        lost.iter().any(|record| record["outcome"] == "unknown"),
        "INV-09: nobody knows how it ended: {lost:?}"
    );
    let _ = broker.stop().succeeded();
}

/// Asks once, and once more if the dying process had already accepted the first connection.
fn status_through_a_restart(world: &World, token: &str) -> std::io::Result<u16> {
    let ask = Ask::chat().bearer(token);
    let answer = Http::tcp(world.port())?.ask(&ask).or_else(|_| Http::tcp(world.port())?.ask(&ask))?;
    Ok(answer.status)
}

#[test]
fn the_listeners_never_close_while_egressd_is_restarted() {
    let world = World::ready();
    let broker = world.broker();
    let token = world.token();
    for _ in 0..5 {
        let egress = broker.child("egressd");
        kill(egress.pid, Signal::SIGKILL).unwrap();
        let statuses = std::thread::scope(|scope| {
            let asking: Vec<_> =
                (0..4).map(|_| scope.spawn(|| status_through_a_restart(&world, &token))).collect();
            asking.into_iter().map(|asking| asking.join().unwrap().ok()).collect::<Vec<_>>()
        });
        if statuses != [Some(200); 4] {
            let told = broker.ended();
            panic!("{statuses:?}; {:?} {:?} the broker said: {}", told.code, told.signal, told.stderr);
        }
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn a_dead_keeperd_ends_the_broker() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = held_stream(&world);
    kill(broker.child("keeperd").pid, Signal::SIGKILL).unwrap();
    let ended = broker.ended();
    assert_ne!(ended.code, Some(0), "INV-11: it fails closed");
    assert!(ended.stderr.contains("keeperd"), "and says why: {}", ended.stderr);
    assert!(http.rest().is_err());
    assert!(Http::tcp(world.port()).is_err(), "nobody listens any more");
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let _ = broker.stop().succeeded();
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn a_dead_launcher_takes_all_with_it() {
    let world = World::ready();
    let broker = world.broker();
    let children = broker.children();
    broker.signal(Signal::SIGKILL);
    until_true("its children are gone", || children.iter().all(|child| !child.lives()));
    drop(broker);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}
