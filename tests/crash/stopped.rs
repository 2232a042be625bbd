//! A keeper that stands still: whoever asks is told so in time, who waits for a person waits on, and
//! everything goes on with it.

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tests::world::World;
use tests::world::http::Ask;
use tests::world::until::until;

#[test]
fn requests_and_readyz_are_answered_while_the_keeper_stands_still_and_served_when_it_goes_on() {
    let world = World::ready();
    let chat = World::grant_of("openai_api_key", "ugent-core", "localhost", 300);
    let other = World::grant_of("openai_api_key", "guest", "localhost", 300);
    world.home().write("secrets.grants.toml", &format!("{chat}approval = \"each-lease\"\n{other}"));
    let broker = world.broker();
    let guest = world.issued("guest");
    let asks = |status| {
        let answer = world.tcp().ask(&Ask::chat().bearer(&guest)).unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        answer
    };
    let _ = asks(200);
    let mut waits = world.tcp();
    waits.send(&Ask::chat().bearer(&world.token()).bytes()).unwrap();
    let id = until("somebody waits for an approval", || {
        let listed = world.json(&["approve", "--json"]);
        listed.as_array()?.first()?.get("id").and_then(Value::as_str).map(str::to_owned)
    });
    let keeper = broker.child("keeperd").pid;

    kill(keeper, Signal::SIGSTOP).unwrap();
    assert_eq!(broker.status_of("/readyz"), Some(503));
    assert_eq!(broker.status_of("/healthz"), Some(200));
    for _ in 0..2 {
        let refused = asks(503);
        assert_eq!(refused.refusal(), Some("keeper_unavailable"));
        assert!(refused.header("retry-after").is_some());
    }
    kill(keeper, Signal::SIGCONT).unwrap();

    broker.wait_for_status("/readyz", 200);
    let _ = asks(200);
    drop(world.ugent(&["approve", &id]).run().succeeded());
    assert_eq!(waits.head().unwrap().status, 200, "it waited longer than other asks may");
}
