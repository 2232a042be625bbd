//! Streaming, both ways: nothing waits for what comes later.

use tests::standin::{Ended, WORDS};
use tests::world::World;
use tests::world::http::{Ask, Http};

fn open_stream(mut http: Http, ask: &Ask) -> Http {
    http.send(&ask.bytes()).unwrap();
    let head = http.head().unwrap();
    assert_eq!(head.status, 200);
    assert!(head.header("content-type").unwrap().starts_with("text/event-stream"));
    http
}

#[test]
fn first_event_reaches_the_client_before_the_second_is_sent() {
    let world = World::ready();
    let _broker = world.broker();
    let ask = Ask::streamed_chat().script("hold gate=a");
    let doors = [(world.tcp(), ask.clone().bearer(&world.token())), (world.unix(), ask)];
    for (index, (http, ask)) in doors.into_iter().enumerate() {
        let mut http = open_stream(http, &ask);
        let first = http.event().unwrap().expect("an event");
        assert!(first.contains("Hello"), "{first}");
        assert_eq!(world.standin().log().all()[index].pieces, 1, "the provider still holds the second back");
        world.standin().open_gate("a");
        let mut events = Vec::new();
        while let Some(event) = http.event().unwrap() {
            events.push(event);
        }
        assert_eq!(events.len(), WORDS.len() + 1, "the other words, the end and [DONE]");
        assert_eq!(events.last().unwrap(), "[DONE]");
    }
}

#[test]
fn a_body_is_passed_on_before_the_client_has_sent_all_of_it() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    let head = Ask::new("POST", "/proxy/openai/v1/chat/completions")
        .bearer(&world.token())
        .header("content-length", "40")
        .header("content-type", "application/json");
    http.send(&head.bytes()).unwrap();
    http.send(b"{\"model\":\"m\",\"stream\"").unwrap();
    assert!(
        world.standin().log().wait_until(|seen| seen.first().is_some_and(|seen| seen.body.len() == 21)),
        "the provider has the first half"
    );
    http.send(b":false            }").unwrap();
    let answer = http.head().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(world.standin().log().all()[0].body.len(), 40);
}

#[test]
fn a_chunked_body_is_passed_on() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    let head = Ask::new("POST", "/proxy/openai/v1/chat/completions")
        .bearer(&world.token())
        .header("transfer-encoding", "chunked");
    http.send(&head.bytes()).unwrap();
    for piece in ["{\"model\":", "\"of-chunks\"}"] {
        http.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).unwrap();
    }
    http.send(b"0\r\n\r\n").unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    let body: serde_json::Value = serde_json::from_slice(&http.rest().unwrap()).unwrap();
    assert_eq!(body["model"], "of-chunks");
}

#[test]
fn a_client_that_goes_away_cancels_its_request_at_the_provider() {
    let world = World::ready();
    let broker = world.broker();
    let mut http =
        open_stream(world.tcp(), &Ask::streamed_chat().script("hold gate=never").bearer(&world.token()));
    assert!(http.event().unwrap().is_some());
    drop(http);
    assert!(world.standin().log().wait_until(|seen| seen[0].ended == Ended::Cut), "the provider is told");
    let _ = broker.stop().succeeded();
    let closed = world.events("release.closed");
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["outcome"], "client_gone");
}

#[test]
fn a_client_that_goes_away_before_the_answer_cancels_it_too() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::chat().script("late gate=never").bearer(&world.token()).bytes()).unwrap();
    assert!(world.standin().log().wait_until(|seen| seen.first().is_some_and(|seen| !seen.body.is_empty())));
    drop(http);
    // A request whose answer was not begun leaves no body to be cut; what is left is that the
    // release is closed with the client gone.
    tests::world::until::until_true("the journal knows that the client is gone", || {
        world.events("release.closed").iter().any(|record| record["outcome"] == "client_gone")
    });
}

#[test]
fn a_stream_the_provider_breaks_off_is_broken_off_for_the_client_too() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = open_stream(world.tcp(), &Ask::streamed_chat().script("reset").bearer(&world.token()));
    assert!(http.event().unwrap().is_some());
    assert!(http.rest().is_err(), "an answer that was cut must not look whole");
    assert_eq!(world.ask(&Ask::chat()).status, 200, "others go on");
}

#[test]
fn a_provider_that_breaks_off_instead_of_answering_is_a_502() {
    let world = World::ready();
    let _broker = world.broker();
    let answer = world.ask(&Ask::chat().script("drop"));
    assert_eq!(answer.status, 502);
    assert!(answer.refusal().is_some());
}

#[test]
fn a_large_answer_comes_through_whole() {
    let world = World::ready();
    let _broker = world.broker();
    let answer = world.ask(&Ask::chat().script("flood pieces=256"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), 256 * 16 * 1024);
    assert!(answer.body.iter().all(|b| *b == b'x'));
}

#[test]
fn a_client_that_does_not_read_holds_the_provider_back() {
    let world = World::ready();
    let _broker = world.broker();
    let mut http = world.tcp();
    http.send(&Ask::chat().script("flood pieces=20000").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    // What fits into socket buffers on the way may pass; 320 MB do not fit.
    let pieces = || world.standin().log().all()[0].pieces;
    let mut last = 0;
    let stalled = tests::world::until::seen(std::time::Duration::from_secs(20), || {
        let now = pieces();
        let quiet = tests::world::until::seen(std::time::Duration::from_millis(500), || {
            (pieces() != now).then_some(())
        })
        .is_none();
        last = now;
        (quiet && now > 0).then_some(())
    });
    assert!(stalled.is_some(), "the provider is never held back");
    assert!(last < 10_000, "{last} pieces were taken from the provider for a client that reads none");
}
