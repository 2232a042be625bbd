//! Uses that a person must approve: they wait, are given, denied or refused, and hold up nobody else.

use serde_json::{Value, json};
use tests::world::http::{Answer, Ask, Http};
use tests::world::until::{until, until_true};
use tests::world::{Broker, World};

const CONSUMER: &str = "context-engine";
const EACH_LEASE: &str = "approval = \"each-lease\"\n";

/// Chats of `ugent-core` are asked about, embeddings of the consumer are not.
fn grants(more: &str) -> String {
    let chat = World::grant_of("openai_api_key", "ugent-core", "localhost", 300);
    let other = World::grant_of("openai_api_key", CONSUMER, "localhost", 300);
    format!("{chat}{more}{other}")
}

fn world(more: &str) -> World {
    let world = World::ready();
    world.home().write("secrets.grants.toml", &grants(more));
    world
}

/// A chat that was sent; nobody has read its answer.
fn chat(world: &World) -> Http {
    let mut http = world.tcp();
    http.send(&Ask::chat().bearer(&world.token()).bytes()).unwrap();
    http
}

fn answer(mut http: Http) -> Answer {
    let mut answer = http.head().unwrap();
    answer.body = http.rest().unwrap();
    answer
}

fn waiting(world: &World) -> Vec<Value> {
    let call = world.ugent(&["approve", "--json"]).without("UGENT_SECRETS_PASSPHRASE");
    let listed: Value = serde_json::from_str(&call.run().succeeded().stdout).unwrap();
    listed.as_array().unwrap().clone()
}

/// The id of the one use that waits, once so many asks wait for it.
fn id_of_the_one(world: &World, asks: u64) -> String {
    until(&format!("{asks} wait for one approval"), || match waiting(world).as_slice() {
        [one] if one["asks"] == asks => Some(one["id"].as_str()?.to_owned()),
        _ => None,
    })
}

fn last(world: &World, event: &str) -> Value {
    world.events(event).last().cloned().unwrap_or_default()
}

fn is_denied(world: &World, answer: &Answer, reason: &str) {
    assert_eq!((answer.status, answer.refusal()), (403, Some("approval_denied")), "{}", answer.text());
    assert_eq!(last(world, "lease.denied")["reason"], reason);
}

fn embeds(world: &World, token: &str) -> u16 {
    let ask = Ask::post("/proxy/openai/v1/embeddings", &json!({ "model": "m", "input": "x" }));
    world.tcp().ask(&ask.bearer(token)).unwrap().status
}

#[test]
fn an_ask_waits_for_its_approval_and_others_go_on_meanwhile_and_under_its_lease() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let token = world.issued(CONSUMER);
    let http = chat(&world);
    let id = id_of_the_one(&world, 1);
    let shown = waiting(&world).remove(0);
    assert_eq!(
        (shown["consumer"].as_str(), shown["purpose"].as_str()),
        (Some("ugent-core"), Some("llm.chat"))
    );
    assert_eq!(embeds(&world, &token), 200, "who need not wait is not held up");
    assert!(world.standin().log().all().len() == 1 && world.events("approval.given").is_empty());
    let told = world.ugent(&["approve", &id[..6]]).run().succeeded();
    assert!(told.stderr.contains("ugent-core asks for @openai_api_key"), "{}", told.stderr);
    assert_eq!(answer(http).status, 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200, "the lease is there now");
    assert_eq!(world.events("approval.asked").len(), 1);
    let given = last(&world, "approval.given");
    assert!(given["pid"].is_u64(), "it says who: {given}");
    assert_eq!(given["lease"], id.as_str());
    let issued = world.events("lease.issued");
    assert!(issued.iter().any(|record| record["lease"] == id.as_str()), "one name from the ask to the lease");
    assert!(waiting(&world).is_empty());
}

#[test]
fn asks_of_one_use_wait_for_one_approval() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let asks: Vec<Http> = (0..3).map(|_| chat(&world)).collect();
    drop(world.ugent(&["approve", &id_of_the_one(&world, 3)]).run().succeeded());
    for http in asks {
        assert_eq!(answer(http).status, 200);
    }
    assert_eq!((world.events("approval.asked").len(), world.events("lease.issued").len()), (1, 1));
}

#[test]
fn nobody_there_is_a_refusal_with_a_reason_of_its_own() {
    let world = world(&format!("{EACH_LEASE}approval_secs = 1\n"));
    let _broker = world.broker();
    is_denied(&world, &answer(chat(&world)), "approval_expired");
    until_true("the use waits no longer", || last(&world, "approval.ended")["reason"] == "expired");
    assert!(waiting(&world).is_empty() && world.events("lease.issued").is_empty());
    assert!(world.standin().log().all().is_empty());
}

#[test]
fn what_is_denied_is_refused_at_once_and_asked_for_anew() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let http = chat(&world);
    let id = id_of_the_one(&world, 1);
    let call = world.ugent(&["deny", &id]).without("UGENT_SECRETS_PASSPHRASE");
    drop(call.run().succeeded());
    is_denied(&world, &answer(http), "approval_denied");
    assert_eq!(last(&world, "approval.denied")["lease"], id.as_str());
    let _http = chat(&world);
    assert_ne!(id_of_the_one(&world, 1), id);
    world.ugent(&["approve", &id]).run().refused(65, &["nobody waits"]);
}

#[test]
fn without_the_passphrase_nothing_is_approved() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let http = chat(&world);
    let id = id_of_the_one(&world, 1);
    let approve = || world.ugent(&["approve", &id]);
    approve().without("UGENT_SECRETS_PASSPHRASE").run().refused(77, &[]);
    approve().env("UGENT_SECRETS_PASSPHRASE", "not the passphrase").run().refused(77, &["passphrase"]);
    assert_eq!(world.events("vault.unlock_failed").len(), 1);
    assert_eq!(id_of_the_one(&world, 1), id, "it waits on");
    drop(approve().run().succeeded());
    assert_eq!(answer(http).status, 200);
}

#[test]
fn an_ask_goes_with_its_client() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let http = chat(&world);
    let id = id_of_the_one(&world, 1);
    drop(http);
    until_true("nobody waits", || waiting(&world).is_empty());
    world.ugent(&["approve", &id]).run().refused(65, &["nobody waits"]);
    let _http = chat(&world);
    assert_eq!(id_of_the_one(&world, 1), id, "who comes and goes is written down once");
    assert_eq!(world.events("approval.asked").len(), 1);
}

#[test]
fn what_it_rests_on_ends_the_waiting() {
    let world = world(EACH_LEASE);
    let _broker = world.broker();
    let ended = || last(&world, "approval.ended")["reason"].clone();

    let http = chat(&world);
    let _id = id_of_the_one(&world, 1);
    drop(world.ugent(&["lock"]).run().succeeded());
    assert_eq!(answer(http).refusal(), Some("vault_locked"));
    assert_eq!(ended(), "vault_locked");
    drop(world.ugent(&["unlock"]).run().succeeded());

    let http = chat(&world);
    let _id = id_of_the_one(&world, 1);
    world.home().write("secrets.grants.toml", "");
    assert_eq!(answer(http).refusal(), Some("not_granted"));
    assert_eq!(ended(), "grant_changed");

    world.home().write("secrets.grants.toml", &grants(EACH_LEASE));
    until_true("the grant is back", || {
        !world.json(&["grant", "list", "--json"]).as_array().unwrap().is_empty()
    });
    let http = chat(&world);
    let _id = id_of_the_one(&world, 1);
    world.home().write("secrets.grants.toml", &grants(""));
    assert_eq!(answer(http).status, 200, "nobody need be asked any more");
}

#[test]
fn a_rotated_secret_is_asked_for_anew_and_the_broker_ends_with_somebody_waiting() {
    let world = world(EACH_LEASE);
    let broker = world.broker();
    let http = chat(&world);
    let first = id_of_the_one(&world, 1);
    world.rotate(tests::world::HANDLE, world.key());
    let second = id_of_the_one(&world, 1);
    assert_ne!(second, first, "what was to be approved is no more");
    assert_eq!(last(&world, "approval.ended")["reason"], "secret_rotated");
    ends(broker);
    drop(http);
    let ended = last(&world, "approval.ended");
    assert_eq!(
        (ended["reason"].as_str(), ended["lease"].as_str()),
        (Some("shutdown"), Some(second.as_str()))
    );
}

/// Twice told, it does not wait for requests in flight.
fn ends(broker: Broker<'_>) {
    broker.signal(nix::sys::signal::Signal::SIGTERM);
    broker.wait_for_no_answer();
    let _ = broker.stop();
}

#[test]
fn the_grant_says_so_wherever_it_is_shown() {
    let world = world("");
    let arguments = [
        "grant",
        "add",
        "--secret",
        "@openai_api_key",
        "--consumer",
        "guest",
        "--purpose",
        "llm.chat",
        "--delivery",
        "http_header_inject",
        "--host",
        "localhost",
        "--approval",
        "each-lease",
        "--approval-wait",
        "90s",
    ];
    drop(world.ugent(&arguments).run().succeeded());
    let listed = world.json(&["grant", "list", "--json"]);
    let row = &listed.as_array().unwrap()[2];
    assert_eq!((row["approval"].as_str(), row["approval_secs"].as_u64()), (Some("each-lease"), Some(90)));
    let explained = world.json(&[
        "grant",
        "explain",
        "--consumer",
        "guest",
        "--secret",
        "@openai_api_key",
        "--purpose",
        "llm.chat",
        "--delivery",
        "http_header_inject",
        "--json",
    ]);
    assert_eq!(explained["approval_secs"], 90);
    let call = world.ugent(&["approve", "--json"]);
    assert_eq!(call.run().succeeded().stdout.trim(), "[]", "without a broker nobody waits");
    world.ugent(&["approve", "01f0"]).run().refused(69, &["no broker"]);
}
