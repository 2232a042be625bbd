//! Ending in order: SIGTERM lets requests in flight finish, a second one does not wait.

use nix::sys::signal::Signal;
use tests::world::World;
use tests::world::http::{Ask, Http};
use tests::world::until::until_true;

fn held_stream(world: &World) -> Http {
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=a").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    http
}

#[test]
fn a_request_in_flight_finishes_before_the_broker_ends() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = held_stream(&world);
    broker.signal(Signal::SIGTERM);
    until_true("the broker takes no more", || {
        let answer = Http::tcp(world.port()).and_then(|mut http| {
            http.patience(std::time::Duration::from_millis(100))?;
            http.ask(&Ask::get("/healthz"))
        });
        answer.is_err()
    });
    world.standin().open_gate("a");
    let mut last = String::new();
    while let Some(event) = http.event().expect("the stream goes on to its end") {
        last = event;
    }
    assert_eq!(last, "[DONE]");
    let _ = broker.ended().succeeded();
    let closed = world.events("release.closed");
    assert_eq!(closed[0]["outcome"], "completed");
    assert_eq!(world.events("broker.stopped").len(), 1);
}

#[test]
fn a_second_signal_does_not_wait() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = held_stream(&world);
    broker.signal(Signal::SIGTERM);
    until_true("it drains", || {
        Http::tcp(world.port())
            .and_then(|mut http| {
                http.patience(std::time::Duration::from_millis(100))?;
                http.ask(&Ask::get("/healthz"))
            })
            .is_err()
    });
    broker.signal(Signal::SIGTERM);
    let ended = broker.ended();
    assert_eq!(ended.signal, None, "it ends by itself: {}", ended.stderr);
    assert!(http.rest().is_err(), "the stream is cut");
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn an_idle_connection_does_not_keep_the_broker() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = world.tcp();
    assert_eq!(http.ask(&Ask::chat().bearer(&world.token())).unwrap().status, 200);
    let _fresh = world.tcp();
    let started = std::time::Instant::now();
    let _ = broker.stop().succeeded();
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "it took {:?}", started.elapsed());
}
