//! A grant's own terms: methods, paths, an end, and limits. What is beyond them is refused, and
//! the journal says why.

use nix::sys::signal::{Signal, kill};
use tests::world::World;
use tests::world::http::{Answer, Ask};
use tests::world::until::until_true;

fn with(more: &str) -> World {
    let world = World::ready();
    world.home().write("secrets.grants.toml", &format!("{}{more}", world.grant()));
    world
}

fn last_reason(world: &World) -> String {
    let denied = world.events("lease.denied");
    denied.last().and_then(|record| record["reason"].as_str()).unwrap_or_default().to_owned()
}

fn is_limited(answer: &Answer, most: u64) {
    assert_eq!((answer.status, answer.refusal()), (429, Some("rate_limited")), "{}", answer.text());
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=most).contains(&after), "retry-after is {after}");
}

#[test]
fn a_path_or_method_beyond_the_grants_is_refused() {
    for (more, reason) in [
        ("paths = [\"/v1/embeddings\", \"/v1/files/**\"]\n", "path_not_granted"),
        ("methods = [\"GET\"]\n", "method_not_granted"),
    ] {
        let world = with(more);
        let _broker = world.broker();
        let answer = world.ask(&Ask::chat());
        assert_eq!((answer.status, answer.refusal()), (403, Some("not_granted")));
        assert_eq!(last_reason(&world), reason);
        assert!(world.standin().log().all().is_empty());
    }
    let world = with("methods = [\"POST\"]\npaths = [\"/v1/{any}/completions\"]\n");
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200, "what it is narrowed to goes on");
}

#[test]
fn a_grant_that_is_over_grants_nothing() {
    let world = with("not_after = 2026-01-01T00:00:00Z\n");
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 403);
    assert_eq!(last_reason(&world), "grant_expired");
}

#[test]
fn a_lease_ends_with_its_grant_long_before_its_own_time() {
    let world = World::ready();
    let _broker = world.broker();
    let end = std::time::SystemTime::now() + std::time::Duration::from_secs(3);
    let end: u64 = end.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (hour, minute, second) = (end / 3600 % 24, end / 60 % 60, end % 60);
    let date = date_of(&world, end / 86_400);
    let more = format!("not_after = {date}T{hour:02}:{minute:02}:{second:02}Z\n");
    world.home().write("secrets.grants.toml", &format!("{}{more}", world.grant()));
    until_true("the grant is in force", || {
        world.json(&["grant", "list", "--json"])[0]["not_after"].is_string()
    });
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    until_true("the lease has ended", || {
        world.events("lease.ended").iter().any(|record| record["reason"] == "expired")
    });
    assert_eq!(world.ask(&Ask::chat()).status, 403);
    assert_eq!(last_reason(&world), "grant_expired");
}

/// The date of a day since 1970, as a command shows it.
fn date_of(world: &World, days: u64) -> String {
    let inspected = world.json(&["inspect", tests::world::HANDLE, "--json"]);
    let today = inspected["created"].as_str().unwrap().split('T').next().unwrap().to_owned();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    assert_eq!(now, days, "this test runs in the last seconds of a day: run it again");
    today
}

#[test]
fn the_request_after_the_last_of_a_minute_is_told_when_to_come_again() {
    let world = with("max_requests_per_minute = 2\n");
    let _broker = world.broker();
    for _ in 0..2 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    is_limited(&world.ask(&Ask::chat()), 60);
    assert_eq!(last_reason(&world), "rate_limited");
    assert_eq!(world.standin().log().all().len(), 2, "the third never reached the provider");
    world.home().write("secrets.grants.toml", &world.grant());
    until_true("the limit is gone with the grant that had it", || world.ask(&Ask::chat()).status == 200);
}

#[test]
fn a_restart_gives_nobody_a_new_minute() {
    let world = with("max_requests_per_minute = 2\n");
    let broker = world.broker();
    for _ in 0..2 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    // By a kill, so that nothing but the journal can know of them.
    kill(broker.child("keeperd").pid, Signal::SIGKILL).unwrap();
    assert_ne!(broker.ended().code, Some(0));
    let _broker = world.broker();
    is_limited(&world.ask(&Ask::chat()), 60);
    assert_eq!(world.standin().log().all().len(), 2);
}

#[test]
fn one_more_than_may_be_at_once_is_refused_until_one_is_over() {
    let world = with("max_concurrent = 1\n");
    let _broker = world.broker();
    let mut held = world.tcp();
    let stream = Ask::streamed_chat().script("hold gate=a").bearer(&world.token());
    held.send(&stream.bytes()).unwrap();
    assert_eq!(held.head().unwrap().status, 200);
    is_limited(&world.ask(&Ask::chat()), 1);
    world.standin().open_gate("a");
    while held.event().unwrap().is_some() {}
    until_true("there is room again", || world.ask(&Ask::chat()).status == 200);
}

#[test]
fn two_grants_for_one_secret_do_not_share_a_lease() {
    let world = World::ready();
    let narrow = |path: &str| format!("{}paths = [\"{path}\"]\n", world.grant());
    let (chat, embeddings) = (narrow("/v1/chat/completions"), narrow("/v1/embeddings"));
    world.home().write("secrets.grants.toml", &format!("{chat}{embeddings}"));
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let embed = Ask::post("/proxy/openai/v1/embeddings", &serde_json::json!({ "model": "m", "input": "x" }));
    assert_eq!(world.ask(&embed).status, 200);
    world.home().write("secrets.grants.toml", &embeddings);
    until_true("what rested on the first grant ends", || world.ask(&Ask::chat()).status == 403);
    let ended = world.events("lease.ended");
    assert_eq!(ended.len(), 1, "and nothing else does");
    assert_eq!((&ended[0]["purpose"], &ended[0]["reason"]), (&"llm.chat".into(), &"grant_changed".into()));
}
