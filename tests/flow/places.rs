//! Where in the request the key goes, as `secrets.providers.toml` says.

use serde_json::json;
use tests::world::http::Ask;
use tests::world::{HANDLE, World};

fn with(inject: &str) -> World {
    let world = World::ready();
    world.home().write("secrets.providers.toml", &format!("{}inject = {inject}\n", world.providers()));
    world
}

#[test]
fn a_key_for_the_query_goes_there_and_into_no_header() {
    let world = with("{ query = \"key\" }");
    let _broker = world.broker();
    let body = json!({ "model": "m", "messages": [] });
    let ask = Ask::post("/proxy/openai/v1/chat/completions?key=of-the-client&alt=sse", &body);
    for ask in [ask, Ask::chat()] {
        assert_eq!(world.ask(&ask).status, 200);
    }
    let seen = world.standin().log().all();
    assert_eq!(seen[0].query, format!("alt=sse&key={}", world.key()));
    assert_eq!(seen[1].query, format!("key={}", world.key()));
    assert!(seen.iter().all(|seen| seen.header("authorization").count() == 0));
}

#[test]
fn a_key_that_would_not_mean_itself_in_a_query_is_refused() {
    let world = with("{ query = \"key\" }");
    let odd = format!("{}+a%41&b=c#", world.key());
    world.rotate(HANDLE, &odd);
    let _broker = world.broker();
    let answer = world.ask(&Ask::chat());
    assert_eq!((answer.status, answer.refusal()), (403, Some("value_not_injectable")));
    assert!(world.standin().log().all().is_empty());
    let denied = world.events("lease.denied");
    assert_eq!(denied.last().unwrap()["reason"], "value_not_injectable");
    assert!(world.events("lease.used").is_empty(), "nothing was released");
}

#[test]
fn a_key_can_go_into_another_header() {
    let world = with("{ header = \"X-Key\", format = \"Key {}\" }");
    let _broker = world.broker();
    // The stand-in wants it elsewhere.
    assert_eq!(world.ask(&Ask::chat().header("x-key", "of the client")).status, 401);
    let seen = &world.standin().log().all()[0];
    assert_eq!(seen.header("x-key").collect::<Vec<_>>(), [format!("Key {}", world.key()).as_bytes()]);
    assert_eq!(seen.header("authorization").count(), 0);
}
