//! Leases that are listed, and taken back before their time.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use tests::standin::Ended;
use tests::world::http::{Ask, Http};
use tests::world::until::{seen, until_true};
use tests::world::{HANDLE, Outcome, World};

const CONSUMER: &str = "context-engine";
/// From the command's end to that of what it cuts.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The world's key is granted to `ugent-core`, to the consumer, and to `cli`.
fn world() -> World {
    let world = World::ready();
    let grants = [world.grant()]
        .into_iter()
        .chain([CONSUMER, "cli"].map(|name| World::grant_of("openai_api_key", name, "localhost", 300)));
    world.home().write("secrets.grants.toml", &grants.collect::<String>());
    world
}

fn list(world: &World) -> Vec<Value> {
    let call = world.ugent(&["lease", "list", "--json"]).without("UGENT_SECRETS_PASSPHRASE");
    let listed: Value = serde_json::from_str(&call.run().succeeded().stdout).unwrap();
    listed.as_array().unwrap().clone()
}

fn ids(leases: &[Value]) -> Vec<&str> {
    leases.iter().map(|lease| lease["id"].as_str().unwrap()).collect()
}

fn revoke(world: &World, arguments: &[&str]) -> Outcome {
    let arguments: Vec<&str> = ["lease", "revoke"].into_iter().chain(arguments.iter().copied()).collect();
    world.ugent(&arguments).run()
}

/// How many leases ended, requests were cut, and requests go on.
fn revoked(world: &World, arguments: &[&str]) -> [u64; 3] {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let told: Value = serde_json::from_str(&revoke(world, &arguments).succeeded().stdout).unwrap();
    ["leases_ended", "requests_cut", "requests_going_on"].map(|field| told[field].as_u64().unwrap())
}

fn chats(world: &World, token: &str) -> u16 {
    world.tcp().ask(&Ask::chat().bearer(token)).unwrap().status
}

/// A stream that has begun, and stops at a gate of that name.
fn stream(world: &World, token: &str, gate: &str) -> Http {
    let mut http = world.tcp();
    let ask = Ask::streamed_chat().script(&format!("hold gate={gate}")).bearer(token);
    http.send(&ask.bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    http
}

fn goes_on(world: &World, mut http: Http, gate: &str) {
    world.standin().open_gate(gate);
    let mut last = String::new();
    while let Some(event) = http.event().expect("the stream goes on to its end") {
        last = event;
    }
    assert_eq!(last, "[DONE]");
}

fn is_cut(mut http: Http) {
    http.patience(AT_ONCE).unwrap();
    let error = http.rest().expect_err("an answer that was cut must not look whole");
    assert!(
        !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "the connection is open after {AT_ONCE:?}"
    );
}

fn closed_as(world: &World, outcome: &str) -> usize {
    world.events("release.closed").iter().filter(|record| record["outcome"] == outcome).count()
}

#[test]
fn list_shows_the_leases_that_were_issued_and_how_often_they_were_used() {
    let world = world();
    let _broker = world.broker();
    assert!(list(&world).is_empty());
    let token = world.issued(CONSUMER);
    for _ in 0..3 {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    assert_eq!(chats(&world, &token), 200);
    let (listed, issued) = (list(&world), world.events("lease.issued"));
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[0]["uses"].as_u64(), listed[1]["uses"].as_u64()), (Some(3), Some(1)));
    for (lease, record) in listed.iter().zip(&issued) {
        assert_eq!(lease["id"], record["lease"]);
        for field in ["consumer", "secret", "version", "purpose", "delivery", "host"] {
            assert_eq!(lease[field], record[field], "{field}");
        }
        assert!(lease["issued"].as_str().unwrap() < lease["ends"].as_str().unwrap());
    }
    let plain = world.ugent(&["lease", "list"]).run().succeeded().stdout;
    assert_eq!(plain.lines().filter(|line| line.contains(CONSUMER)).count(), 1);
}

#[test]
fn without_a_broker_the_list_is_empty_and_there_is_nothing_to_revoke() {
    let world = World::with_vault();
    assert!(list(&world).is_empty());
    let told = world.ugent(&["lease", "list"]).run().succeeded();
    assert!(told.stdout.is_empty() && told.stderr.contains("no broker is running"), "{}", told.stderr);
    revoke(&world, &["--consumer", CONSUMER]).refused(69, &["no broker"]);
}

#[test]
fn a_revoked_lease_is_not_used_again_and_the_next_request_is_judged_anew() {
    let world = world();
    let _broker = world.broker();
    let token = world.issued(CONSUMER);
    let both = || {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
        assert_eq!(chats(&world, &token), 200);
    };
    both();
    let first = list(&world);
    assert_eq!(revoked(&world, &[ids(&first)[0]]), [1, 0, 0]);
    let left = list(&world);
    assert_eq!(ids(&left), [ids(&first)[1]], "another lease of the same secret stays");
    both();
    assert_eq!(revoked(&world, &["--consumer", CONSUMER]), [1, 0, 0]);
    assert_eq!(list(&world)[0]["consumer"], "ugent-core", "another consumer's stays");
    both();
    assert_eq!(revoked(&world, &[HANDLE]), [2, 0, 0]);
    assert!(list(&world).is_empty());
    both();

    assert_eq!(world.events("lease.issued").len(), 6, "the first two, and one after each end");
    let ended = world.events("lease.ended");
    assert_eq!(ended.len(), 4);
    assert_eq!(ended[0]["lease"], first[0]["id"]);
    assert!(ended.iter().all(|record| record["reason"] == "revoked" && record["pid"].is_u64()));

    let less = World::grant_of("openai_api_key", "ugent-core", "localhost", 300);
    world.home().write("secrets.grants.toml", &less);
    until_true("the grant is gone", || chats(&world, &token) == 403);
}

#[test]
fn a_stream_goes_on_under_a_revoked_lease() {
    let world = world();
    let _broker = world.broker();
    let http = stream(&world, &world.token(), "a");
    let lease = list(&world);
    assert_eq!(revoked(&world, &[HANDLE]), [1, 0, 1]);
    let told = revoke(&world, &ids(&lease));
    assert!(told.stderr.contains("--now"), "it has ended, and its request can still be cut: {}", told.stderr);
    told.refused(65, &ids(&lease));
    goes_on(&world, http, "a");
    until_true("it is closed", || closed_as(&world, "completed") == 1);
}

#[test]
fn with_now_a_stream_is_cut_for_client_and_provider_and_others_go_on() {
    let world = world();
    let _broker = world.broker();
    let token = world.issued(CONSUMER);
    let cut = stream(&world, &token, "never");
    let other = stream(&world, &world.token(), "a");
    assert_eq!(revoked(&world, &["--consumer", CONSUMER, "--now"]), [1, 1, 0]);
    is_cut(cut);
    assert!(world.standin().log().wait_until(|seen| seen[0].ended == Ended::Cut), "the provider is told");
    until_true("the journal has it", || closed_as(&world, "revoked") == 1);
    assert_eq!(chats(&world, &token), 200, "the next request gets another lease");
    goes_on(&world, other, "a");
    assert_eq!(closed_as(&world, "client_gone"), 0);
}

#[test]
fn a_stream_whose_lease_has_ended_already_can_still_be_cut() {
    let world = world();
    let _broker = world.broker();
    let cut = stream(&world, &world.token(), "never");
    let lease = list(&world);
    assert_eq!(revoked(&world, &ids(&lease)), [1, 0, 1]);
    assert_eq!(revoked(&world, &[ids(&lease)[0], "--now"]), [0, 1, 0]);
    is_cut(cut);

    let cut = stream(&world, &world.token(), "never");
    drop(world.ugent(&["lock"]).run().succeeded());
    assert!(list(&world).is_empty(), "they end with the keys");
    assert_eq!(revoked(&world, &[HANDLE, "--now"]), [0, 1, 0]);
    is_cut(cut);
}

#[test]
fn a_client_that_reads_nothing_is_cut_too() {
    let world = world();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::chat().script("flood pieces=20000").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    let pieces = || world.standin().log().all()[0].pieces;
    until_true("the provider is held back", || {
        let before = pieces();
        before > 0 && seen(Duration::from_millis(500), || (pieces() != before).then_some(())).is_none()
    });
    assert_eq!(revoked(&world, &[HANDLE, "--now"]), [1, 1, 0]);
    let ended = || world.standin().log().all()[0].ended;
    assert!(seen(AT_ONCE, || (ended() == Ended::Cut).then_some(())).is_some(), "nobody waits for the client");
    until_true("the journal has it", || closed_as(&world, "revoked") == 1);
    is_cut(http);
}

#[test]
fn a_request_without_an_answer_yet_is_refused_and_its_connection_serves_the_next() {
    let world = world();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::chat().script("late gate=never").bearer(&world.token()).bytes()).unwrap();
    assert!(world.standin().log().wait_until(|seen| seen.first().is_some_and(|seen| !seen.body.is_empty())));
    assert_eq!(revoked(&world, &[HANDLE, "--now"]), [1, 1, 0]);
    http.patience(AT_ONCE).unwrap();
    let refused = http.head().unwrap();
    assert_eq!((refused.status, refused.refusal()), (403, Some("not_granted")));
    assert!(String::from_utf8(http.rest().unwrap()).unwrap().contains("revoked"));
    http.patience(tests::world::until::DEADLINE).unwrap();
    assert_eq!(http.ask(&Ask::chat().bearer(&world.token())).unwrap().status, 200);
    until_true("the journal has both", || {
        (closed_as(&world, "revoked"), closed_as(&world, "completed")) == (1, 1)
    });
}

#[test]
fn a_wrong_passphrase_or_none_ends_nothing() {
    let world = world();
    let _broker = world.broker();
    let http = stream(&world, &world.token(), "a");
    let lease = list(&world);
    for arguments in [&[HANDLE, "--now"][..], &[ids(&lease)[0]], &["--consumer", "ugent-core", "--now"]] {
        let whole: Vec<&str> = ["lease", "revoke"].into_iter().chain(arguments.iter().copied()).collect();
        let failed = world.events("vault.unlock_failed").len();
        world.ugent(&whole).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase").run().refused(77, &[]);
        world.ugent(&whole).without("UGENT_SECRETS_PASSPHRASE").run().refused(77, &[]);
        assert_eq!(world.events("vault.unlock_failed").len(), failed + 1);
        world.clear_tries();
    }
    assert_eq!(ids(&list(&world)), ids(&lease));
    assert!(world.events("lease.ended").is_empty());
    goes_on(&world, http, "a");
}

#[test]
fn ones_own_leases_need_no_passphrase_and_anothers_beside_them_do() {
    let world = world();
    let _broker = world.broker();
    let token = world.issued("cli");
    assert_eq!(chats(&world, &token), 200);
    let silently = |arguments: &[&str]| {
        let whole: Vec<&str> = ["lease", "revoke"].into_iter().chain(arguments.iter().copied()).collect();
        world.ugent(&whole).without("UGENT_SECRETS_PASSPHRASE").run()
    };
    drop(silently(&[HANDLE]).succeeded());
    assert!(list(&world).is_empty());
    assert_eq!(chats(&world, &token), 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    silently(&[HANDLE]).refused(77, &[]);
    assert_eq!(list(&world).len(), 2, "all or nothing");
    drop(silently(&["--consumer", "cli"]).succeeded());
    assert_eq!(list(&world).len(), 1);
}

#[test]
fn what_is_no_lease_is_said_without_being_repeated() {
    let world = world();
    let _broker = world.broker();
    revoke(&world, &["0123456789abcdef"]).refused(65, &["0123456789abcdef"]);
    revoke(&world, &["@no_such"]).refused(65, &["@no_such"]);
    let told = revoke(&world, &[&world.token()]);
    assert!(!told.stderr.contains(&world.token()));
    told.refused(65, &[]);
    revoke(&world, &[]).refused(64, &[]);
    revoke(&world, &[HANDLE, "--consumer", CONSUMER]).refused(64, &[]);
    assert_eq!(revoked(&world, &[HANDLE]), [0, 0, 0], "what has no lease is none the worse");
    assert_eq!(revoked(&world, &["--consumer", CONSUMER]), [0, 0, 0]);
}
