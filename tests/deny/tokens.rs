//! Tokens: none, a wrong one and an old one get the same answer, and each try is recorded.

use tests::world::World;
use tests::world::http::{Answer, Ask};

fn is_refused(world: &World, answer: &Answer) {
    assert_eq!((answer.status, answer.refusal()), (401, Some("invalid_token")), "{}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "invalid_token");
    for field in ["message", "type"] {
        assert!(error[field].is_string(), "{}", answer.text());
    }
    assert!(error.get("param").is_some(), "{}", answer.text());
    assert!(world.standin().log().all().is_empty(), "nothing reached the provider");
}

/// The body without digits: the number of the record is each refusal's own.
fn but_for_its_record(answer: &Answer) -> String {
    answer.text().chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[test]
fn no_token_a_wrong_one_and_nearly_the_right_one_get_one_answer() {
    let world = World::ready();
    let _broker = world.broker();
    let token = world.token();
    let mut flipped = token.clone();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    let without = world.tcp().ask(&Ask::chat()).unwrap();
    is_refused(&world, &without);
    let long = "x".repeat(600);
    for wrong in
        ["x", "", &flipped, &token[..token.len() - 1], &format!("{token}x"), &token.to_uppercase(), &long]
    {
        let answer = world.tcp().ask(&Ask::chat().bearer(wrong)).unwrap();
        is_refused(&world, &answer);
        assert_eq!(but_for_its_record(&answer), but_for_its_record(&without), "one answer for all");
    }
    let denied = world.events("lease.denied");
    assert!(!denied.is_empty() && denied.iter().all(|record| record["reason"] == "invalid_token"));
}

#[test]
fn a_wrong_token_on_the_socket_is_refused_though_none_is_needed() {
    let world = World::ready();
    let _broker = world.broker();
    is_refused(&world, &world.unix().ask(&Ask::chat().bearer("wrong")).unwrap());
    assert_eq!(world.unix().ask(&Ask::chat()).unwrap().status, 200);
    assert_eq!(world.unix().ask(&Ask::chat().bearer(&world.token())).unwrap().status, 200);
}

#[test]
fn the_provider_key_itself_is_no_token() {
    let world = World::ready();
    let _broker = world.broker();
    is_refused(&world, &world.tcp().ask(&Ask::chat().bearer(world.key())).unwrap());
}

#[test]
fn an_old_token_is_refused_once_the_file_was_made_anew() {
    let world = World::of_one_user();
    let old = world.token();
    std::fs::remove_file(world.home().path().join("secrets/broker.token")).unwrap();
    let _broker = world.broker();
    assert_ne!(world.token(), old, "a broker makes the token that is missing");
    is_refused(&world, &world.tcp().ask(&Ask::chat().bearer(&old)).unwrap());
    assert_eq!(world.ask(&Ask::chat()).status, 200);
}

#[test]
fn a_first_credential_that_is_wrong_is_not_saved_by_a_second() {
    let world = World::ready();
    let _broker = world.broker();
    let ask = Ask::chat().bearer("wrong").header("x-api-key", &world.token());
    is_refused(&world, &world.tcp().ask(&ask).unwrap());
}

#[test]
fn tokenless_false_asks_for_a_token_on_the_socket_too() {
    let world = World::ready();
    world.home().write("secrets.toml", &format!("{}tokenless = false\n", world.settings_without_consumers()));
    let _broker = world.broker();
    is_refused(&world, &world.unix().ask(&Ask::chat()).unwrap());
    assert_eq!(world.unix().ask(&Ask::chat().bearer(&world.token())).unwrap().status, 200);
}
