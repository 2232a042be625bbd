//! `Expect: 100-continue`: the body is asked for once the lease is granted, by the gateway alone.

use tests::world::World;
use tests::world::http::Ask;

fn upload(token: &str) -> Vec<u8> {
    let mut ask = Ask::chat().header("expect", "100-continue").bearer(token).bytes();
    let end = ask.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    ask.truncate(end);
    ask
}

#[test]
fn the_body_is_asked_for_once_the_lease_is_granted_and_the_provider_is_asked_nothing() {
    let world = World::ready();
    let _broker = world.broker();
    let whole = Ask::chat().bytes();
    let body = &whole[whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4..];
    let mut http = world.tcp();
    http.send(&upload(&world.token())).unwrap();
    assert_eq!(http.head().unwrap().status, 100);
    assert_eq!(world.events("lease.used").len(), 1, "it is granted and recorded by now");
    http.send(body).unwrap();
    let mut answer = http.head().unwrap();
    answer.body = http.rest().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.standin().log().all();
    assert_eq!((seen.len(), seen[0].header("expect").count()), (1, 0));
    assert_eq!(seen[0].body, body);
}

#[test]
fn who_has_no_right_is_not_asked_for_a_body() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&upload("a-wrong-token")).unwrap();
    let mut answer = http.head().unwrap();
    answer.body = http.rest().unwrap();
    assert_eq!((answer.status, answer.refusal()), (401, Some("invalid_token")), "and no 100 before");
    assert!(http.is_closed(), "the body may be on its way all the same");
    assert!(world.standin().log().all().is_empty());
}
