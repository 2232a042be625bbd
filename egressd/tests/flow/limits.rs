//! What clients may take up, of places and of time, and who is a client at all.

use proto::clients::ClientRules;
use proto::journal::Outcome;

use crate::broker::Broker;
use crate::client::Client;
use crate::provider::{Provider, Seen};

fn quick() -> ClientRules {
    ClientRules { idle_secs: 1, head_secs: 1, stall_secs: 1, ..ClientRules::DEFAULT }
}

const SLOW_HEAD: &str = "GET /proxy/openai/v1/echo HTTP/1.1\r\nhost: localhost\r\nx-slow: ";

fn ruled(rules: ClientRules) -> (Provider, Broker) {
    let provider = Provider::start();
    let broker = Broker::start_ruled(&provider, rules);
    (provider, broker)
}

#[test]
fn clients_that_are_slow_with_their_heads_never_stop_one_that_is_not() {
    let (_provider, broker) = ruled(ClientRules { connections: 4, ..ClientRules::DEFAULT });
    let mut slow: Vec<_> = (0..12).map(|_| Client::tcp(&broker)).collect();
    for client in &mut slow {
        client.send(SLOW_HEAD);
    }
    for _ in 0..3 {
        let mut good = Client::tcp(&broker);
        assert!(good.get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201 "));
    }
    assert!(slow[0].is_at_end(), "who came first and sent no whole head made room");
}

#[test]
fn clients_that_read_no_answer_never_stop_one_that_does() {
    let (_provider, broker) = ruled(ClientRules { connections: 2, ..ClientRules::DEFAULT });
    let asks = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(500);
    let mut deaf: Vec<_> = (0..2).map(|_| Client::tcp(&broker)).collect();
    for client in &mut deaf {
        client.flood(&asks);
    }
    let mut good = Client::tcp(&broker);
    assert!(good.get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201 "));
}

#[test]
fn no_user_of_the_unix_socket_takes_the_places_of_all() {
    let (provider, broker) = ruled(ClientRules { of_one_user: 2, ..ClientRules::DEFAULT });
    let mut busy: Vec<_> = (0..2).map(|_| Client::unix(&broker)).collect();
    for client in &mut busy {
        client.get("/proxy/openai/v1/stream").until("data: one\n\n");
    }
    let response = Client::unix(&broker).get("/proxy/openai/v1/echo").response();
    assert!(
        response.starts_with("HTTP/1.1 503 ") && response.contains("x-ugent-refusal: busy\r\n"),
        "{response}"
    );
    assert!(response.contains("retry-after: 1\r\n"), "{response}");
    assert!(Client::tcp(&broker).get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201 "));
    for client in &mut busy {
        provider.go();
        client.until("data: two\n\n");
    }
}

#[test]
fn a_head_that_stops_coming_and_a_pause_that_is_too_long_end_the_connection() {
    let (_provider, broker) = ruled(quick());
    let mut silent = Client::tcp(&broker);
    let mut slow = Client::tcp(&broker);
    slow.send(SLOW_HEAD);
    let mut idle = Client::tcp(&broker);
    idle.get("/proxy/openai/v1/echo").response();
    assert!(silent.is_at_end() && slow.is_at_end() && idle.is_at_end());
}

#[test]
fn a_body_that_stops_coming_is_cut_off_and_the_client_told() {
    let (provider, broker) = ruled(quick());
    let mut client = Client::tcp(&broker);
    client.send(
        "POST /proxy/openai/v1/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    );
    while provider.next() != Seen::Piece("first".into()) {}
    let response = client.response();
    assert!(response.starts_with("HTTP/1.1 400 ") && response.contains("stopped coming"), "{response}");
    assert!(client.is_at_end());
    assert_eq!(broker.closed(), (1, Outcome::ClientGone, None, 5, 0));
}

#[test]
fn a_client_that_waits_for_its_answer_has_all_the_time_there_is() {
    let (provider, broker) = ruled(quick());
    let mut patient = Client::tcp(&broker);
    patient.get("/proxy/openai/v1/stream").until("data: one\n\n");
    let mut unheard = Client::tcp(&broker);
    unheard.get("/proxy/openai/v1/never");
    assert!(Client::tcp(&broker).is_at_end(), "all limits are over by now");
    provider.go();
    patient.until("data: two\n\n");
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(200), 0, 22));
    drop(unheard);
    assert_eq!(broker.closed().1, Outcome::ClientGone);
}

#[test]
fn a_web_page_is_a_client_only_if_its_origin_is_listed() {
    let origins = vec!["http://localhost:3000".to_owned()];
    let (_provider, broker) = ruled(ClientRules { origins, ..ClientRules::DEFAULT });
    for (origin, status) in [("http://localhost:3000", 201), ("http://localhost:3001", 403), ("null", 403)] {
        let mut client = Client::tcp(&broker);
        client.send(&format!(
            "GET /proxy/openai/v1/echo HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\norigin: {origin}\r\n\r\n"
        ));
        let response = client.response();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {response}");
    }
}
