//! A real egressd between a client and a provider behind TLS; the tests play launcher and keeperd.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod client;
#[cfg(test)]
mod echoes;
#[cfg(test)]
mod hazmat;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod sockets;

use broker::{Broker, value};
use client::Client;
use proto::control_lane::ControlOrder;
use proto::journal::Outcome;
use proto::lease_lane::{Caller, LeaseRequest};
use provider::{Provider, Seen};

fn world() -> (Provider, Broker) {
    let provider = Provider::start();
    let broker = Broker::start(&provider);
    (provider, broker)
}

#[test]
fn the_value_is_put_in_and_the_callers_credentials_stay_here() {
    let (provider, mut broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(
        "POST /proxy/openai/v1/echo?a=%31&key=good&b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer good\r\n\
         x-api-key: good\r\nx-goog-api-key: good\r\napi-key: good\r\ncookie: good\r\nx-ugent-secret: @mine\r\n\
         x-forwarded-for: 1.2.3.4\r\nconnection: x-hop\r\nx-hop: good\r\nOpenAI-Beta: kept\r\n\
         content-length: 11\r\n\r\nhello world",
    );
    let response = client.response();
    assert!(
        response.starts_with("HTTP/1.1 201 Created\r\n") && response.ends_with("hello world"),
        "{response}"
    );
    assert!(response.contains("x-request-id: r1\r\n") && !response.contains("keep-alive"), "{response}");
    let head = provider.head();
    assert!(head.starts_with("POST /base/v1/echo?a=%31&b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nauthorization: Bearer {}\r\n", value(1))), "{head}");
    assert!(head.contains(&format!("\r\nhost: localhost:{}\r\n", provider.port)), "{head}");
    assert!(
        head.contains("\r\nopenai-beta: kept\r\n") && head.contains("\r\ncontent-length: 11\r\n"),
        "{head}"
    );
    for gone in ["good", "x-ugent", "x-forwarded", "x-hop", "cookie", "api-key", "connection"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
    let (LeaseRequest::Open { seq, caller, provider: id, path, secret, .. }, token) = broker.asked() else {
        panic!("an Open comes first");
    };
    assert_eq!((seq, caller, id.as_str(), path.as_str()), (1, Caller::Tcp, "openai", "/v1/echo"));
    assert_eq!((secret.unwrap().as_str(), token.as_deref()), ("mine", Some("good")));
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(201), 11, 11));
    broker.order(&ControlOrder::Stop);
    let (failure, code, logs) = broker.ended();
    assert_eq!((failure, code), (None, 0));
    assert!(logs.iter().any(|line| line.contains("provider=openai method=POST status=201")), "{logs:?}");
    assert!(!logs.concat().contains("echo") && !logs.concat().contains("good"), "{logs:?}");
}

#[test]
fn connections_are_kept_and_each_request_gets_a_value_of_its_own() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    for seq in 1..=3 {
        client.get("/proxy/openai/v1/echo").response();
        assert!(provider.head().contains(&value(seq)));
    }
    Client::tcp(&broker).get("/proxy/openai/v1/echo").response();
    assert!(provider.head().contains(&value(4)));
    assert_eq!(provider.connections(), 0, "the first connection served all four");
}

#[test]
fn many_clients_at_once_each_get_their_own_answer() {
    let provider = Provider::start();
    let broker = Broker::start_with(&provider, 2);
    let (clients, requests) = (24, 20);
    std::thread::scope(|scope| {
        for number in 0..clients {
            let port = broker.port;
            scope.spawn(move || {
                let mut client = Client::at(port);
                for turn in 0..requests {
                    let body = format!("{number}-{turn}-{}", "x".repeat(number * 997));
                    client.send(&format!(
                        "POST /proxy/openai/v1/echo HTTP/1.1\r\nhost: localhost\r\napi-key: good\r\n\
                         content-length: {}\r\n\r\n{body}",
                        body.len()
                    ));
                    let response = client.response();
                    assert!(response.ends_with(&format!("\r\n\r\n{body}")), "{number} {turn}");
                }
            });
        }
    });
    let mut outcomes = Vec::new();
    while outcomes.len() < clients * requests {
        outcomes.push(broker.closed().1);
    }
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Completed));
    for _ in 0..clients * requests {
        let head = provider.head();
        assert!(head.contains("\r\nauthorization: Bearer sk-real-value-of-the-ask-number-"), "{head}");
    }
}

#[test]
fn an_event_reaches_the_client_before_the_next_is_sent() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/stream").until("data: one\n\n");
    provider.go();
    client.until("data: two\n\n\r\n0\r\n\r\n");
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(200), 0, 22));
    client.get("/proxy/openai/v1/echo").response();
    assert_eq!(provider.connections(), 1);
}

#[test]
fn a_piece_of_a_body_reaches_the_provider_before_the_next_is_sent() {
    let (provider, broker) = world();
    let mut client = Client::unix(&broker);
    client.send(
        "POST /proxy/openai/v1/upload HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for piece in ["first", "second"] {
        client.send(&format!("{:x}\r\n{piece}\r\n", piece.len()));
        while provider.next() != Seen::Piece(piece.into()) {}
    }
    client.send("0\r\n\r\n");
    assert!(client.response().starts_with("HTTP/1.1 204"));
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(204), 11, 0));
}

#[test]
fn what_must_not_stand_in_a_head_does_not_get_through_behind_a_body() {
    let (provider, broker) = world();
    let withheld = [
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "authorization",
        "cookie",
        "x-forwarded-for",
        "x-ugent-secret",
        "x-listed",
    ];
    let trailers: String = withheld.iter().map(|name| format!("{name}: good\r\n")).collect();
    let request = |announced: &str| {
        format!(
            "POST /proxy/openai/v1/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
             connection: x-listed\r\ntransfer-encoding: chunked\r\ntrailer: {announced}\r\n\r\n\
             5\r\nfirst\r\n0\r\n{trailers}x-checksum: kept\r\n\r\n"
        )
    };
    let mut client = Client::tcp(&broker);
    let all = withheld.join(", ");
    assert!(client.send(&request(&format!("{all}, X-Checksum"))).response().starts_with("HTTP/1.1 204"));
    let head = provider.head();
    assert!(head.contains("\r\ntrailer: x-checksum\r\n"), "{head}");
    assert_eq!(provider.next(), Seen::Piece("first".into()));
    assert_eq!(provider.next(), Seen::Trailer("x-checksum: kept".into()));
    assert!(client.send(&request(&all)).response().starts_with("HTTP/1.1 204"));
    let head = provider.head();
    assert!(!head.contains("trailer"), "{head}");
    assert_eq!(provider.next(), Seen::Piece("first".into()));
    client.get("/proxy/openai/v1/echo").response();
    assert!(matches!(provider.next(), Seen::Head(_)), "nothing came behind the second body");
}

#[test]
fn trailers_come_back_to_a_client_that_asks_for_them() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    let asks = "GET /proxy/openai/v1/trailers HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n";
    client.send(&format!("{asks}connection: te\r\nte: gzip, trailers\r\n\r\n"));
    let response = client.until("\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n");
    assert!(response.contains("\r\ntrailer: x-sum\r\n"), "{response}");
    let head = provider.head();
    assert!(head.contains("\r\nte: trailers\r\n") && head.contains("\r\nconnection: te\r\n"), "{head}");
    client.send(&format!("{asks}\r\n")).until("body\r\n0\r\n\r\n");
    let head = provider.head();
    assert!(!head.contains("\r\nte: ") && !head.contains("connection"), "{head}");
}

#[test]
fn a_body_with_two_framings_or_two_lengths_is_refused_with_its_connection() {
    let (provider, broker) = world();
    let head = "POST /proxy/openai/v1/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n";
    for framing in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "content-length: 3\r\ncontent-length: 3",
    ] {
        let mut client = Client::tcp(&broker);
        client.send(&format!("{head}{framing}\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"));
        let response = client.response();
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        assert!(response.contains("x-ugent-refusal: bad_request\r\n"), "{response}");
        assert!(client.is_at_end(), "nothing that is behind it is a request");
    }
    assert!(broker.is_unasked());
    assert_eq!(provider.connections(), 0);
}

#[test]
fn a_broken_chunk_is_told_to_the_client_and_cuts_the_providers_request_off() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(
        "POST /proxy/openai/v1/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
         transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
    );
    while provider.next() != Seen::Piece("first".into()) {}
    client.send("3;x=y\r\nabc\r\n0\r\n\r\n");
    let response = client.response();
    assert!(response.starts_with("HTTP/1.1 400 ") && response.contains("extension"), "{response}");
    assert!(client.is_at_end());
    assert_eq!(broker.closed(), (1, Outcome::ClientGone, None, 5, 0));
}

#[test]
fn a_bad_request_behind_a_good_one_leaves_the_answer_to_the_good_one_whole() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    let good =
        "GET /proxy/openai/v1/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\r\n";
    client.send(&format!("{good}GET / HTTP/1.1\r\nhost: localhost\r\na : b\r\n\r\n{good}"));
    client.until("data: one\n\n");
    provider.go();
    let rest = client.until("}}");
    let refusal = rest.find("data: two\n\n\r\n0\r\n\r\nHTTP/1.1 400 ");
    assert!(refusal.is_some(), "the answer to the end, and only then the refusal: {rest}");
    assert!(rest.contains("colon") && client.is_at_end());
    assert_eq!(broker.closed(), (1, Outcome::Completed, Some(200), 0, 22));
    assert!(broker.is_unasked());
}

#[test]
fn a_value_that_finds_no_room_is_busy_for_its_request_and_for_no_other() {
    let provider = Provider::start();
    let broker = Broker::start_short_of_memory(&provider);
    let mut client = Client::tcp(&broker);
    for _ in 0..3 {
        let response = client.get("/proxy/openai/v1/huge").response();
        assert!(
            response.starts_with("HTTP/1.1 503 ") && response.contains("x-ugent-refusal: busy\r\n"),
            "{response}"
        );
        assert_eq!(broker.closed().1, Outcome::UpstreamFailed);
        assert!(client.get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201 "));
        assert_eq!(broker.closed().1, Outcome::Completed);
    }
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send(
        "POST /proxy/openai/v1/echo HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
         expect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    client.until("HTTP/1.1 100 Continue\r\n\r\n");
    assert!(client.send("ok").response().ends_with("\r\n\r\nok"));
    assert!(!provider.head().contains("expect"));
}

#[test]
fn a_client_that_leaves_takes_the_upstream_connection_along() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/hang").until("data: one\n\n");
    drop(client);
    while provider.next() != Seen::Gone {}
    assert_eq!(broker.closed(), (1, Outcome::ClientGone, Some(200), 0, 11));
}

#[test]
fn a_client_that_leaves_before_the_answer_withdraws_its_ask() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/never");
    assert!(matches!(broker.asked().0, LeaseRequest::Open { seq: 1, .. }));
    drop(client);
    assert_eq!(broker.closed(), (1, Outcome::ClientGone, None, 0, 0));
}

#[test]
fn a_lease_that_is_taken_back_with_the_same_breath_is_not_used() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    let response = client.get("/proxy/openai/v1/revoked").response();
    assert!(response.starts_with("HTTP/1.1 403") && response.contains("not_granted"), "{response}");
    assert_eq!(broker.closed(), (1, Outcome::Revoked, None, 0, 0));
    client.get("/proxy/openai/v1/plain").response();
    assert!(provider.head().contains(&value(2)), "the provider has seen nothing of the first");
    assert_eq!(broker.closed().1, Outcome::Completed);
}

#[test]
fn a_stream_that_is_cut_is_cut_for_the_client_too() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/cut").until("data: one\n\n\r\n");
    assert!(client.is_at_end(), "no last chunk, so that the client can tell");
    assert_eq!(broker.closed(), (1, Outcome::UpstreamFailed, Some(200), 0, 11));
}

#[test]
fn a_silence_beyond_the_providers_limit_ends_the_stream() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/impatient/v1/hang").until("data: one\n\n\r\n");
    assert!(client.is_at_end());
    assert_eq!(broker.closed().1, Outcome::UpstreamTimeout);
}

#[test]
fn a_request_over_a_connection_that_was_just_closed_is_asked_for_again() {
    let (provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/flaky").response();
    client.get("/proxy/openai/v1/flaky").response();
    let heads: Vec<_> = (0..3).map(|_| provider.head()).collect();
    for (seq, head) in (1..).zip(&heads) {
        assert!(head.contains(&value(seq)), "{head}");
    }
    let mut asks = Vec::new();
    while asks.len() < 3 {
        if let (LeaseRequest::Open { seq, retry_of, .. }, Some(_)) = broker.asked() {
            asks.push((seq, retry_of));
        }
    }
    assert_eq!(asks, [(1, None), (2, None), (3, Some(2))]);
}

#[test]
fn a_post_is_not_sent_twice_without_the_clients_word() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/flaky").response();
    client.send(
        "POST /proxy/openai/v1/flaky HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\ncontent-length: 0\r\n\r\n",
    );
    let response = client.response();
    assert!(response.starts_with("HTTP/1.1 502") && response.contains("upstream_unreachable"), "{response}");
    assert_eq!(broker.closed().1, Outcome::Completed);
    assert_eq!(broker.closed().1, Outcome::UpstreamFailed);
    assert!(broker.is_unasked());
}

#[test]
fn keepers_refusals_reach_the_client_with_code_and_record() {
    let (provider, broker) = world();
    for (path, token, status, code) in [
        ("/proxy/openai/v1/echo", "bad", 401, "invalid_token"),
        ("/proxy/openai/v1/denied", "good", 403, "not_granted"),
        ("/proxy/google/v1/denied", "good", 403, "not_granted"),
    ] {
        let mut client = Client::tcp(&broker);
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {token}\r\n\r\n"));
        let response = client.response();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert!(response.contains(&format!("x-ugent-refusal: {code}\r\n")), "{response}");
        assert!(response.contains("record 7") && response.contains(r#"{"error":{""#), "{response}");
        assert!(matches!(broker.asked().0, LeaseRequest::Open { .. }));
    }
    assert!(broker.is_unasked(), "a refused ask is not closed");
    assert_eq!(provider.connections(), 0);
}

#[test]
fn a_malformed_head_never_reaches_keeperd() {
    let (_provider, broker) = world();
    let good = "host: localhost\r\nauthorization: Bearer good\r\n";
    for (head, status) in [
        (format!("GET /proxy/openai/v1/../x HTTP/1.1\r\n{good}"), 400),
        (format!("GET /proxy/openai/v1%2f..%2fx HTTP/1.1\r\n{good}"), 400),
        (format!("GET /proxy/openai//v1 HTTP/1.1\r\n{good}"), 400),
        (format!("GET /proxy/openai/v1;x HTTP/1.1\r\n{good}"), 400),
        (format!("GET http://evil.example/proxy/openai/v1 HTTP/1.1\r\n{good}"), 400),
        (format!("TRACE /proxy/openai/v1 HTTP/1.1\r\n{good}"), 400),
        (format!("CONNECT evil.example:443 HTTP/1.1\r\n{good}"), 400),
        (format!("GET /proxy/openai/v1 HTTP/1.1\r\n{good}x-ugent-secret: mine\r\n"), 400),
        (format!("POST /proxy/openai/v1 HTTP/1.1\r\n{good}content-length: 1\r\ncontent-length: 2\r\n"), 400),
        (format!("POST /proxy/openai/v1 HTTP/1.1\r\n{good}transfer-encoding: gzip, chunked\r\n"), 400),
        (format!("POST /proxy/openai/v1 HTTP/1.1\r\n{good}transfer-encoding: gzip\r\n"), 400),
        (format!("GET /v1/chat HTTP/1.1\r\n{good}"), 404),
        (format!("GET / HTTP/1.1\r\n{good}"), 404),
        ("GET /proxy/openai/v1 HTTP/1.1\r\nauthorization: Bearer good\r\n".to_owned(), 400),
        ("GET /proxy/openai/v1 HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 403),
        (format!("GET /proxy/openai/v1 HTTP/1.1\r\n{good}origin: http://localhost\r\n"), 403),
        (format!("GET /proxy/openai/v1 HTTP/1.1\r\n{good}x: {}\r\n", "a".repeat(65 * 1024)), 431),
        (format!("GET /proxy/openai/v1 HTTP/1.1\r\n{good}{}", "x: y\r\n".repeat(120)), 431),
    ] {
        let mut client = Client::tcp(&broker);
        client.send(&format!("{head}\r\n"));
        let response = client.until("\r\n\r\n");
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{}: {response}",
            &head[..60.min(head.len())]
        );
    }
    assert!(broker.is_unasked());
}

#[test]
fn a_malformed_head_is_refused_in_the_shape_of_the_provider_it_names() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.send("POST /proxy/google/v1beta/x HTTP/1.1\r\nhost: localhost\r\na : b\r\n\r\n");
    let response = client.response();
    assert!(
        response.contains(r#"{"error":{"code":400,"#) && response.contains("INVALID_ARGUMENT"),
        "{response}"
    );
}

#[test]
fn probes_need_no_token_and_the_unix_socket_names_its_peer() {
    let (_provider, broker) = world();
    let mut client = Client::unix(&broker);
    client.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(client.response().starts_with("HTTP/1.1 200"));
    // keeperd's first State comes on its own lane, so it may come a moment later.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !client
        .send("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .response()
        .starts_with("HTTP/1.1 200")
    {
        assert!(std::time::Instant::now() < deadline, "it gets ready");
    }
    client.send("GET /proxy/openai/v1/echo HTTP/1.1\r\nhost: localhost\r\n\r\n").response();
    let (LeaseRequest::Open { caller, .. }, None) = broker.asked() else { panic!("an Open without a token") };
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&broker.socket).unwrap());
    assert_eq!(caller, Caller::Unix { uid, pid: std::process::id() });
}

#[test]
fn a_value_goes_nowhere_but_to_a_trusted_place_the_launcher_named() {
    let (provider, broker) = world();
    for (path, code, outcome) in [
        ("/proxy/private/v1/echo", "upstream_unreachable", Outcome::UpstreamUnreachable),
        ("/proxy/openai/v1/elsewhere", "upstream_unreachable", Outcome::UpstreamUnreachable),
        ("/proxy/unknown/v1/echo", "upstream_unreachable", Outcome::UpstreamUnreachable),
    ] {
        let response = Client::tcp(&broker).get(path).response();
        assert!(response.starts_with("HTTP/1.1 502") && response.contains(code), "{path}: {response}");
        assert_eq!(broker.closed().1, outcome);
    }
    assert_eq!(provider.connections(), 0);
    let response = Client::tcp(&broker).get("/proxy/untrusted/v1/echo").response();
    assert!(response.contains("x-ugent-refusal: upstream_tls\r\n"), "{response}");
    assert_eq!(broker.closed().1, Outcome::UpstreamTls);
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_closes_the_rest() {
    let (provider, mut broker) = world();
    let mut idle = Client::tcp(&broker);
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").response();
    let mut busy = Client::tcp(&broker);
    busy.get("/proxy/openai/v1/stream").until("data: one\n\n");
    broker.order(&ControlOrder::Drain);
    assert!(idle.is_at_end());
    provider.go();
    busy.until("data: two\n\n\r\n0\r\n\r\n");
    assert!(busy.is_at_end());
    let (failure, code, _) = broker.ended();
    assert_eq!((failure, code), (None, 0));
}

#[test]
fn without_a_keeper_asks_fail_and_the_process_ends() {
    let (_provider, broker) = world();
    let mut client = Client::tcp(&broker);
    client.get("/proxy/openai/v1/never");
    assert!(matches!(broker.asked().0, LeaseRequest::Open { .. }));
    broker.lose_keeper();
    let response = client.response();
    assert!(response.starts_with("HTTP/1.1 503") && response.contains("keeper_unavailable"), "{response}");
    drop(client);
    let (failure, code, _) = broker.ended();
    assert!(failure.is_some());
    assert_eq!(code, 69);
}

#[test]
fn started_by_hand_it_says_who_starts_it() {
    let by_hand = std::process::Command::new(env!("CARGO_BIN_EXE_egressd"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(by_hand.status.code(), Some(64));
    assert_eq!(by_hand.stderr, b"egressd is started by secret-broker\n");
}
