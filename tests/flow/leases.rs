//! Leases as the journal shows them: one sync pays for many requests, and each is recorded.

use std::time::Duration;

use tests::scan::{self, HeldThread};
use tests::standin::Ended;
use tests::world::http::Ask;
use tests::world::until::{DEADLINE, seen, until_true};
use tests::world::{HANDLE, World};

#[test]
fn requests_of_one_kind_share_a_lease_and_each_is_recorded() {
    let world = World::ready();
    let _broker = world.broker();
    for _ in 0..3 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    let issued = world.events("lease.issued");
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0]["secret"], HANDLE);
    assert_eq!(issued[0]["consumer"], "ugent-core");
    assert_eq!(issued[0]["purpose"], "llm.chat");
    assert_eq!(issued[0]["delivery"], "http_header_inject");
    assert_eq!(issued[0]["host"], "localhost");
    assert_eq!(issued[0]["version"], 1);
    let used = world.events("lease.used");
    assert_eq!(used.len(), 3, "the first release too has a record of its own");
    assert!(used.iter().all(|record| record["lease"] == issued[0]["lease"]));
}

#[test]
fn another_purpose_is_another_lease() {
    let world = World::ready();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let body = serde_json::json!({ "model": "m", "input": "x" });
    assert_eq!(world.ask(&Ask::post("/proxy/openai/v1/embeddings", &body)).status, 200);
    assert_eq!(world.events("lease.issued").len(), 2);
}

#[test]
fn the_record_of_a_release_stands_before_the_provider_answers() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::chat().script("late gate=a").bearer(&world.token()).bytes()).unwrap();
    assert!(world.standin().log().wait_until(|seen| !seen.is_empty()), "the provider was asked");
    assert_eq!(world.events("lease.issued").len(), 1, "INV-04: recorded before it was released");
    assert_eq!(world.events("lease.used").len(), 1);
    world.standin().open_gate("a");
    assert_eq!(http.head().unwrap().status, 200);
}

/// Asks under a lease that is there while keeperd's sync thread stands still; whether the provider is
/// asked before it goes on, and within that time.
fn is_sent_unsynced(world: &World, within: Duration) -> bool {
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let held = HeldThread::named(broker.child("keeperd").pid, "sync");
    let mut http = world.tcp();
    http.send(&Ask::chat().bearer(&world.token()).bytes()).unwrap();
    until_true("the use is recorded", || world.events("lease.used").len() == 2);
    let reached = || world.standin().log().all().len() == 2;
    let is_sent = seen(within, || reached().then_some(())).is_some();
    assert_eq!(world.json(&["broker", "status", "--json"])["state"], "serving", "and nobody else waits");
    drop(held);
    assert_eq!(http.head().unwrap().status, 200);
    assert!(reached());
    let _ = broker.stop().succeeded();
    is_sent
}

#[test]
fn with_every_release_no_value_leaves_before_the_record_of_its_use_is_on_disk() {
    if !scan::is_possible("with_every_release_no_value_leaves_before_the_record_of_its_use_is_on_disk") {
        return;
    }
    let world = World::ready();
    assert!(is_sent_unsynced(&world, DEADLINE), "as it is set, a synced lease is enough");
    let world = World::ready();
    world
        .home()
        .write("secrets.toml", &format!("{}audit = {{ sync = \"every-release\" }}\n", world.settings()));
    assert!(!is_sent_unsynced(&world, Duration::from_secs(1)));
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn a_lease_ends_with_its_time_and_the_next_request_gets_another() {
    let world = World::ready();
    world
        .home()
        .write("secrets.grants.toml", &World::grant_of("openai_api_key", "ugent-core", "localhost", 1));
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    until_true("the lease has ended", || {
        world.events("lease.ended").iter().any(|record| record["reason"] == "expired")
    });
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(world.events("lease.issued").len(), 2);
}

#[test]
fn a_lease_ends_with_its_last_use_and_the_next_request_gets_another() {
    let world = World::ready();
    world.home().write("secrets.grants.toml", &(world.grant() + "max_uses = 2\n"));
    let _broker = world.broker();
    for _ in 0..5 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    let issued = world.events("lease.issued");
    assert_eq!(issued.len(), 3);
    let used: Vec<_> = world.events("lease.used").iter().map(|record| record["lease"].clone()).collect();
    let [first, second, third] = [0, 1, 2].map(|at| issued[at]["lease"].clone());
    assert_eq!(used, [&first, &first, &second, &second, &third].map(Clone::clone));
    until_true("both that are used up have ended", || world.events("lease.ended").len() == 2);
    let ended = world.events("lease.ended");
    assert!(ended.iter().all(|record| record["reason"] == "used_up"), "{ended:?}");
    assert_eq!([&ended[0]["lease"], &ended[1]["lease"]], [&first, &second]);
}

#[test]
fn a_request_in_flight_goes_on_when_its_lease_is_used_up_and_one_that_is_judged_anew_can_be_refused() {
    let world = World::ready();
    world.home().write("secrets.grants.toml", &(world.grant() + "max_uses = 1\n"));
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=a").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    until_true("its lease has ended", || world.events("lease.ended").len() == 1);
    drop(world.ugent(&["lock"]).run().succeeded());
    assert_eq!(world.ask(&Ask::chat()).status, 503, "there is no lease left that it could come under");
    world.standin().open_gate("a");
    let mut last = String::new();
    while let Some(event) = http.event().unwrap() {
        last = event;
    }
    assert_eq!(last, "[DONE]");
}

#[test]
fn the_next_request_after_a_rotation_uses_the_new_value_and_one_in_flight_finishes_with_the_old() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=a").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());

    let new = tests::world::key();
    world.rotate(HANDLE, &new);
    world.standin().accept_only(&new);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "the provider accepts only the new key");

    world.standin().open_gate("a");
    let mut last = String::new();
    while let Some(event) = http.event().unwrap() {
        last = event;
    }
    assert_eq!(last, "[DONE]");
    let versions: Vec<_> =
        world.events("lease.issued").iter().map(|record| record["version"].clone()).collect();
    assert_eq!(versions, [1, 2]);
}

#[test]
fn what_is_lent_when_the_broker_ends_ends_with_it() {
    let world = World::ready();
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let body = serde_json::json!({ "model": "m", "input": "x" });
    assert_eq!(world.ask(&Ask::post("/proxy/openai/v1/embeddings", &body)).status, 200);
    let _ = broker.stop().succeeded();
    let leases =
        |event: &str| world.events(event).iter().map(|record| record["lease"].clone()).collect::<Vec<_>>();
    assert_eq!(leases("lease.ended"), leases("lease.issued"), "each of them, oldest first");
    assert!(world.events("lease.ended").iter().all(|record| record["reason"] == "shutdown"));
}

#[test]
fn a_request_that_is_sent_again_on_a_fresh_connection_has_two_records_and_the_second_names_the_first() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    let token = world.token();
    assert_eq!(http.ask(&Ask::chat().bearer(&token)).unwrap().status, 200);
    // The provider breaks off, as it does with a connection that it was about to close.
    let again = Ask::new("POST", "/proxy/openai/v1/chat/completions").body(Vec::new()).script("stale");
    let answer = http.ask(&again.header("idempotency-key", "one").bearer(&token)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Hello from"), "{}", answer.text());
    let used = world.events("lease.used");
    assert_eq!(used.len(), 3);
    assert_eq!(used[2]["retry_of"], used[1]["seq"]);
    assert!(used[0]["retry_of"].is_null() && used[1]["retry_of"].is_null());
    let seen = world.standin().log().all();
    assert_eq!(seen.len(), 3, "a request at the provider for each");
    assert_ne!(seen[1].connection, seen[2].connection);
    assert!(seen[2].header("idempotency-key").eq([b"one"]) && seen[2].ended == Ended::Complete);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn a_removed_secret_is_not_released_again() {
    let world = World::ready();
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());
    assert_eq!(world.ask(&Ask::chat()).status, 403);
    assert_eq!(world.standin().log().all().len(), 1);
}

#[test]
fn inspect_shows_when_a_secret_was_last_used() {
    let world = World::ready();
    let broker = world.broker();
    assert!(world.json(&["inspect", HANDLE, "--json"])["last_used"].is_null());
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert!(world.json(&["inspect", HANDLE, "--json"])["last_used"].is_string());
    let _ = broker.stop().succeeded();
    assert!(world.json(&["inspect", HANDLE, "--json"])["last_used"].is_string(), "also after the broker");
}

#[test]
fn a_closed_request_is_recorded_with_what_was_moved() {
    let world = World::ready();
    let broker = world.broker();
    let answer = world.ask(&Ask::chat());
    let _ = broker.stop().succeeded();
    let closed = world.events("release.closed");
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["outcome"], "completed");
    assert_eq!(closed[0]["status"], 200);
    assert_eq!(closed[0]["bytes_out"], answer.body.len());
    assert!(closed[0]["bytes_in"].as_u64().unwrap() > 0);
}
