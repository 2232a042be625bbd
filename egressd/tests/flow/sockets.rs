//! A change of protocol to WebSocket, and what goes over the connection from there on.

use std::io::Read;
use std::sync::mpsc::Sender;

use proto::control_lane::ControlOrder;
use proto::journal::Outcome;
use proto::lease_lane::LeaseRequest;

use crate::broker::value;
use crate::client::Client;
use crate::provider::{Seen, Stream, send};
use crate::world;

const HANDSHAKE: &str = "GET /proxy/openai/v1/socket?model=m HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, Upgrade\r\n\
     upgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Changes the protocol and says hello in the same write; then everything comes back, and with the
/// end of what comes a goodbye.
pub(crate) fn answer(stream: &mut Stream, head: &str, tell: &Sender<Seen>) -> bool {
    if head.contains("x-how: refuse") {
        send(stream, "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno");
        return true;
    }
    let to = if head.contains("x-how: other") { "other" } else { "websocket" };
    let shown = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    send(
        stream,
        &format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {to}\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: realtime\r\n\
             x-shown: {shown}\r\n\r\nhello"
        ),
    );
    let mut room = [0; 64];
    while let Ok(count @ 1..) = stream.read(&mut room) {
        send(stream, &String::from_utf8_lossy(&room[..count]));
    }
    send(stream, "goodbye");
    let _ = tell.send(Seen::Gone);
    false
}

#[test]
fn frames_pass_both_ways_untouched_and_are_counted() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(&format!("{HANDSHAKE}authorization: Bearer good\r\n\r\n"));
    let response = client.until("hello");
    let (head, early) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for line in
        ["connection: upgrade", "upgrade: websocket", "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    {
        assert!(head.lines().any(|there| there == line), "{line} in {head}");
    }
    assert!(!head.contains(&value(1)) && head.contains("x-shown: Bearer ****"), "{head}");
    assert_eq!(early, "hello");
    let asked = provider.head();
    assert!(asked.starts_with("GET /base/v1/socket?model=m HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("\r\nauthorization: Bearer {}\r\n", value(1))), "{asked}");
    assert!(
        asked.contains("\r\nupgrade: websocket\r\n") && asked.contains("\r\nconnection: upgrade\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{asked}");
    // What would be a request is one no more.
    for text in ["\u{1}\n\0 frame", "GET / HTTP/1.1\r\n\r\n"] {
        client.send(text);
        client.until(text);
    }
    client.finish();
    client.until("goodbye");
    assert!(client.is_at_end());
    let (sent, got) = (9 + 18, 5 + 9 + 18 + 7);
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(101), sent, got));
    assert!(broker.is_unasked());
}

#[test]
fn a_token_among_the_subprotocols_is_taken_and_does_not_leave() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(&format!(
        "{HANDSHAKE}sec-websocket-protocol: realtime, openai-insecure-api-key.good, openai-beta.realtime-v1\r\n\r\n"
    ));
    assert!(client.until("hello").contains("\r\nsec-websocket-protocol: realtime\r\n"));
    let asked = provider.head();
    assert!(asked.contains("\r\nsec-websocket-protocol: realtime, openai-beta.realtime-v1\r\n"), "{asked}");
    assert!(!asked.contains("good") && !asked.contains("insecure"), "{asked}");
    let (LeaseRequest::Open { .. }, token) = broker.asked() else { panic!("an Open comes first") };
    assert_eq!(token.as_deref(), Some("good"));
    let mut other = Client::tcp(&broker);
    other.send(&format!("{HANDSHAKE}sec-websocket-protocol: openai-insecure-api-key.bad\r\n\r\n"));
    assert!(other.response().starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_provider_that_does_not_change_the_protocol_answers_as_ever() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(&format!("{HANDSHAKE}authorization: Bearer good\r\nx-how: refuse\r\n\r\n"));
    let response = client.response();
    assert!(response.starts_with("HTTP/1.1 426 ") && response.ends_with("\r\n\r\nno"), "{response}");
    assert!(
        client.get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201 "),
        "the same connection"
    );
    client.send(&format!("{HANDSHAKE}authorization: Bearer good\r\nx-how: other\r\n\r\n"));
    assert!(client.response().starts_with("HTTP/1.1 502 "), "to another protocol than was asked for");
    client.send(&format!("{HANDSHAKE}authorization: Bearer good\r\ncontent-length: 1\r\n\r\nx"));
    assert!(client.response().starts_with("HTTP/1.1 400 "), "with a body");
    drop(provider);
}

#[test]
fn a_client_that_leaves_takes_its_socket_along_and_a_drain_does_not() {
    let (provider, mut broker) = world();
    let mut leaving = Client::tcp(&broker);
    leaving.send(&format!("{HANDSHAKE}authorization: Bearer good\r\n\r\n")).until("hello");
    drop(leaving);
    while provider.next() != Seen::Gone {}
    assert_eq!(broker.closed().2, Some(101));
    let mut staying = Client::tcp(&broker);
    staying.send(&format!("{HANDSHAKE}authorization: Bearer good\r\n\r\n")).until("hello");
    broker.order(&ControlOrder::Drain);
    staying.send("still there").until("still there");
    staying.finish();
    staying.until("goodbye");
    let (failure, code, _) = broker.ended();
    assert_eq!((failure, code), (None, 0));
}

#[test]
fn what_is_sent_before_the_answer_is_kept_for_whoever_it_is_for() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(&format!("{HANDSHAKE}authorization: Bearer good\r\n\r\nearly frame"));
    client.until("early frame");
    let mut other = Client::tcp(&broker);
    let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    other.send(&format!("{HANDSHAKE}authorization: Bearer good\r\nx-how: refuse\r\n\r\n{next}"));
    other.until("alive");
}
