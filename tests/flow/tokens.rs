//! Tokens of consumers: issued, used, revoked, over, rotated.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{Outcome, World};

const CONSUMER: &str = "context-engine";

fn embeddings() -> Ask {
    Ask::post("/proxy/openai/v1/embeddings", &json!({ "model": "m", "input": "x" }))
}

/// The world's key is granted to `ugent-core` for chats and to the consumer for embeddings.
fn world() -> World {
    shared_out(World::ready())
}

fn shared_out(world: World) -> World {
    let chat = world.grant().replace(", \"llm.embeddings\"", "");
    let other = World::grant_of("openai_api_key", CONSUMER, "localhost", 300);
    let embeddings = other.replace("\"llm.chat\", ", "");
    world.home().write("secrets.grants.toml", &format!("{chat}{embeddings}"));
    world
}

fn issued(world: &World, more: &[&str]) -> String {
    let arguments: Vec<&str> =
        ["token", "issue", "--consumer", CONSUMER].into_iter().chain(more.iter().copied()).collect();
    let told = world.ugent(&arguments).run().succeeded();
    let token = told.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(token.len() == 49 && token.starts_with("ugent_"), "stdout has the token and a newline, no more");
    let ids = of_consumer(world);
    assert!(ids.iter().any(|id| told.stderr.contains(id)), "{}", told.stderr);
    assert!(!told.stderr.contains(&token), "only stdout has it");
    token
}

fn list(world: &World) -> Vec<Value> {
    let call = world.ugent(&["token", "list", "--json"]).without("UGENT_SECRETS_PASSPHRASE");
    let listed: Value = serde_json::from_str(&call.run().succeeded().stdout).unwrap();
    listed.as_array().unwrap().clone()
}

/// Ids of the consumer's tokens.
fn of_consumer(world: &World) -> Vec<String> {
    let listed = list(world);
    let ours = listed.iter().filter(|token| token["consumer"] == CONSUMER);
    ours.map(|token| token["id"].as_str().unwrap().to_owned()).collect()
}

fn status(world: &World, ask: &Ask, token: &str) -> u16 {
    world.tcp().ask(&ask.clone().bearer(token)).unwrap().status
}

fn revoke(world: &World, id: &str) -> Outcome {
    world.ugent(&["token", "revoke", id]).without("UGENT_SECRETS_PASSPHRASE").run()
}

fn records(world: &World, event: &str, reason: Option<&str>) -> usize {
    let found = world.audit(&["--event", event, "--consumer", CONSUMER]);
    found.iter().filter(|record| reason.is_none_or(|reason| record["reason"] == reason)).count()
}

#[test]
fn an_issued_token_speaks_for_its_consumer_and_is_let_in_to_its_grants_only() {
    let world = world();
    let before = issued(&world, &[]);
    let _broker = world.broker();
    let during = issued(&world, &["--ttl", "30d"]);
    for token in [&before, &during] {
        assert_eq!(status(&world, &embeddings(), token), 200);
        assert_eq!(status(&world, &Ask::chat(), token), 403, "what is granted to another is not its own");
    }
    assert_eq!(status(&world, &embeddings(), &world.token()), 403);
    assert_eq!(world.unix().ask(&embeddings().bearer(&during)).unwrap().status, 200);
    assert_eq!(records(&world, "token.issued", None), 2);
    assert_eq!(records(&world, "lease.issued", None), 1);
    assert_eq!(records(&world, "lease.denied", Some("purpose_not_granted")), 2);
}

#[test]
fn a_wrong_passphrase_issues_and_rotates_nothing_and_is_recorded() {
    let world = shared_out(World::of_one_user());
    let bootstrap = world.token();
    let tokens = list(&world);
    let refused = |arguments: &[&str]| {
        let failed = world.events("vault.unlock_failed").len();
        let told = world.ugent(arguments).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase").run();
        assert!(told.stdout.is_empty());
        told.refused(77, &[]);
        world.ugent(arguments).without("UGENT_SECRETS_PASSPHRASE").run().refused(77, &[]);
        assert_eq!(world.events("vault.unlock_failed").len(), failed + 1);
        world.clear_tries();
        assert_eq!((list(&world), world.token()), (tokens.clone(), bootstrap.clone()));
    };
    let both = || {
        refused(&["token", "issue", "--consumer", CONSUMER]);
        refused(&["token", "issue", "--consumer", CONSUMER, "--out", "token.txt"]);
        refused(&["token", "rotate"]);
    };
    both();
    let _broker = world.broker();
    both();
    assert!(!world.home().workspace().join("token.txt").exists());
    assert_eq!(records(&world, "token.issued", None), 0);
}

#[test]
fn a_revoked_token_is_refused_at_once_and_its_leases_end() {
    let world = world();
    let _broker = world.broker();
    let token = issued(&world, &[]);
    let mut kept = world.tcp();
    assert_eq!(kept.ask(&embeddings().bearer(&token)).unwrap().status, 200);
    drop(revoke(&world, &of_consumer(&world)[0]).succeeded());
    let answer = kept.ask(&embeddings().bearer(&token)).unwrap();
    assert_eq!((answer.status, answer.refusal()), (401, Some("invalid_token")));
    assert_eq!(world.standin().log().all().len(), 1);
    assert_eq!(records(&world, "token.revoked", None), 1);
    assert_eq!(records(&world, "lease.ended", Some("token_revoked")), 1);
    let denied = world.events("lease.denied");
    assert_eq!(denied.last().unwrap()["reason"], "invalid_token");
    assert!(of_consumer(&world).is_empty());
}

#[test]
fn another_token_of_the_same_consumer_goes_on() {
    let world = world();
    let _broker = world.broker();
    let one = issued(&world, &[]);
    let ids = of_consumer(&world);
    let other = issued(&world, &["--ttl", "1h"]);
    assert_eq!(status(&world, &embeddings(), &one), 200);
    drop(revoke(&world, &ids[0]).succeeded());
    assert_eq!(status(&world, &embeddings(), &one), 401);
    assert_eq!(status(&world, &embeddings(), &other), 200);
    assert_eq!(records(&world, "lease.issued", None), 2, "it is judged anew");
}

#[test]
fn a_token_is_refused_from_its_end_on_and_its_leases_end() {
    let world = world();
    let _broker = world.broker();
    let token = issued(&world, &["--ttl", "2s"]);
    assert_eq!(status(&world, &embeddings(), &token), 200);
    until_true("the token is over", || status(&world, &embeddings(), &token) == 401);
    until_true("its lease has ended", || records(&world, "lease.ended", Some("token_expired")) == 1);
    assert!(of_consumer(&world).is_empty(), "what is over is not listed");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
}

#[test]
fn a_token_that_was_revoked_without_a_broker_is_refused_by_the_next() {
    let world = world();
    let token = issued(&world, &[]);
    drop(revoke(&world, &of_consumer(&world)[0]).succeeded());
    let _broker = world.broker();
    assert_eq!(status(&world, &embeddings(), &token), 401);
    assert_eq!(records(&world, "token.revoked", None), 1);
}

#[test]
fn rotation_replaces_the_bootstrap_token_and_the_old_one_is_refused_at_once() {
    let world = World::of_one_user();
    let broker = world.broker();
    let old = world.token();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let told = world.ugent(&["token", "rotate"]).run().succeeded();
    let new = world.token();
    assert_ne!(new, old);
    assert!(!told.stdout.contains(&new) && !told.stderr.contains(&new));
    assert_eq!(status(&world, &Ask::chat(), &old), 401);
    assert_eq!(status(&world, &Ask::chat(), &new), 200);
    let path = world.home().path().join("secrets/broker.token");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(world.events("token.revoked").len(), 1);
    assert_eq!(world.events("token.issued").len(), 2, "the first one by init");
    assert_eq!(list(&world).len(), 1);
    let _ = broker.stop().succeeded();
    let _broker = world.broker();
    assert_eq!(world.token(), new, "the next broker finds it in order");
    assert_eq!(status(&world, &Ask::chat(), &old), 401);
}

#[test]
fn with_a_grace_the_old_bootstrap_token_works_until_its_end_across_a_restart() {
    let world = World::of_one_user();
    let broker = world.broker();
    let old = world.token();
    drop(world.ugent(&["token", "rotate", "--grace", "1h"]).run().succeeded());
    assert_eq!(status(&world, &Ask::chat(), &old), 200);
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    let _ = broker.stop().succeeded();
    let _broker = world.broker();
    assert_eq!(status(&world, &Ask::chat(), &old), 200);
    let listed = list(&world);
    assert_eq!(listed.iter().filter(|token| token["expires"].is_string()).count(), 1);
    assert!(listed.iter().all(|token| token["use"] == "bootstrap"));

    let shorter = world.token();
    drop(world.ugent(&["token", "rotate", "--grace", "2s"]).run().succeeded());
    assert_eq!(status(&world, &Ask::chat(), &shorter), 200);
    until_true("the grace is over", || status(&world, &Ask::chat(), &shorter) == 401);
    assert_eq!(status(&world, &Ask::chat(), &old), 401, "the later rotation has the say over both");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
}

#[test]
fn out_makes_a_new_file_for_its_owner_alone() {
    let world = world();
    let path = world.home().workspace().join("token.txt");
    let arguments = ["token", "issue", "--consumer", CONSUMER, "--out", path.to_str().unwrap()];
    let told = world.ugent(&arguments).run().succeeded();
    assert!(told.stdout.is_empty(), "{}", told.stdout);
    let content = std::fs::read_to_string(&path).unwrap();
    let token = content.strip_suffix('\n').unwrap();
    assert!(token.len() == 49 && token.starts_with("ugent_") && !told.stderr.contains(token));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let _broker = world.broker();
    assert_eq!(status(&world, &embeddings(), token), 200);

    let tokens = list(&world).len();
    world.ugent(&arguments).run().refused(65, &["token.txt"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "what was there stays");
    let link = world.home().workspace().join("link");
    std::os::unix::fs::symlink(world.home().workspace().join("elsewhere"), &link).unwrap();
    world.ugent(&["token", "issue", "--consumer", CONSUMER, "--out", "link"]).run().refused(65, &["link"]);
    world
        .ugent(&["token", "issue", "--consumer", CONSUMER, "--out", "no/such/place"])
        .run()
        .refused(74, &["no/such"]);
    assert!(!world.home().workspace().join("elsewhere").exists());
    assert_eq!(list(&world).len(), tokens, "and nothing was issued");
}

#[test]
fn a_token_that_nobody_would_get_is_not_issued() {
    let world = World::ready();
    let tokens = list(&world).len();
    let line = world.ugent(&["token", "issue", "--consumer", CONSUMER]).shell_line();
    for stdout in [">&-", "> /dev/null"] {
        let told = world.command("/bin/sh").typing(format!("exec {line} {stdout}")).run().ended_with(64);
        assert!(told.stderr.contains("hint: --out FILE"), "{stdout}: {}", told.stderr);
        let whole = format!("exec {line} --out token{} {stdout}", stdout.len());
        drop(world.command("/bin/sh").typing(whole).run().succeeded());
    }
    assert_eq!(list(&world).len(), tokens + 2, "only those that were written to a file");
}

#[test]
fn a_token_is_issued_for_ten_years_at_most() {
    let world = World::with_vault();
    for span in ["3650d1s", "99999999999d"] {
        let told = world.ugent(&["token", "issue", "--consumer", CONSUMER, "--ttl", span]).run();
        assert!(told.stderr.contains("3650d"), "{}", told.stderr);
        told.refused(64, &["--ttl", "ten years"]);
    }
    let _ = issued(&world, &["--ttl", "3650d"]);
    assert!(of_consumer(&world).len() == 1);
}

#[test]
fn a_locked_broker_issues_with_the_passphrase_and_revokes_without() {
    let world = world();
    let _broker = world.locked_broker();
    let token = issued(&world, &[]);
    let answer = world.tcp().ask(&embeddings().bearer(&token)).unwrap();
    assert_eq!(answer.refusal(), Some("vault_locked"), "the passphrase was checked, and opened nothing");
    drop(revoke(&world, &of_consumer(&world)[0]).succeeded());
    assert_eq!(status(&world, &embeddings(), &token), 401);
}

#[test]
fn the_passphrase_is_asked_for_again_though_the_vault_is_open() {
    let world = world();
    let _broker = world.broker();
    let arguments = ["token", "issue", "--consumer", CONSUMER, "--passphrase-fd", "0"];
    let call = || world.ugent(&arguments).without("UGENT_SECRETS_PASSPHRASE");
    drop(call().typing(format!("{}\n", world.passphrase())).run().succeeded());
    call().typing("wrong\n").run().refused(77, &[]);
    assert_eq!(of_consumer(&world).len(), 1);
}

#[test]
fn list_shows_when_a_token_was_last_used_also_after_the_broker() {
    let world = world();
    let broker = world.broker();
    let token = issued(&world, &["--ttl", "1h"]);
    let shown = || list(&world).into_iter().find(|token| token["consumer"] == CONSUMER).unwrap();
    assert!(shown()["last_used"].is_null());
    assert_eq!(status(&world, &embeddings(), &token), 200);
    for field in ["id", "created", "expires", "last_used"] {
        assert!(shown()[field].is_string(), "{field}");
    }
    assert_eq!(shown()["use"], "issued");
    let _ = broker.stop().succeeded();
    assert!(shown()["last_used"].is_string());
    let plain = world.ugent(&["token", "list"]).run().succeeded().stdout;
    assert_eq!(plain.lines().filter(|line| line.contains(CONSUMER)).count(), 1);
}

#[test]
fn what_is_no_token_to_revoke_is_said_without_being_repeated() {
    let world = World::bare_of_one_user().initialized();
    let bootstrap = list(&world)[0]["id"].as_str().unwrap().to_owned();
    let told = revoke(&world, &bootstrap);
    assert!(told.stderr.contains("hint: ugent secret token rotate"), "{}", told.stderr);
    told.refused(65, &[]);
    revoke(&world, "00000000").refused(65, &["00000000"]);
    let told = revoke(&world, &world.token());
    assert!(!told.stderr.contains(&world.token()));
    told.refused(65, &[]);
    for span in ["0s", "soon", "30"] {
        world.ugent(&["token", "issue", "--consumer", CONSUMER, "--ttl", span]).run().refused(64, &["--ttl"]);
    }
    world.ugent(&["token", "rotate", "--grace", "a while"]).run().refused(64, &["--grace"]);
}
