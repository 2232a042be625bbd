//! A provider that sends the value back: the client gets stars, keeperd is told, and the connection
//! is not used again. And clients that would like to have the value put elsewhere.

use std::io::Write;

use proto::journal::Outcome;

use crate::broker::{Broker, value};
use crate::client::Client;
use crate::provider::{Provider, Stream, chunk, send};

/// Answers in the way that is named, with the value that came in the head.
pub(crate) fn answer(stream: &mut Stream, how: &str, head: &str, pause: impl Fn()) -> bool {
    let key = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let whole = |status: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
    };
    let chunked = |headers: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{headers}\r\n");
    match how {
        "header" => {
            let headers = format!("x-echo: Bearer {key}\r\nlocation: /?key={key}&a=1\r\nx-kept: 1\r\n");
            send(stream, &whole("302 Found", &headers, ""));
        }
        "reason" => send(stream, &format!("HTTP/1.1 200 {key}\r\ncontent-length: 0\r\n\r\n")),
        "body" => send(stream, &whole("401 Unauthorized", "", &format!("Incorrect API key: {key}."))),
        "failure" => send(stream, &whole("500 Oh", "", key)),
        "gzip" => send(stream, &whole("200 OK", "content-encoding: gzip\r\n", key)),
        "parts" => {
            send(stream, &chunked(""));
            chunk(stream, &format!("data: {}", &key[..7]));
            pause();
            chunk(stream, &key[7..20]);
            chunk(stream, &format!("{}\n\n", &key[20..]));
            pause();
            chunk(stream, &format!("data: {}", &key[..7]));
            send(stream, "0\r\n\r\n");
        }
        "start" => {
            send(stream, &chunked(""));
            chunk(stream, &key[..12]);
            send(stream, &format!("0\r\nx-behind: {key}\r\n\r\n"));
        }
        "trailer" => {
            send(stream, &chunked("trailer: x-behind\r\n"));
            chunk(stream, "body");
            send(stream, "0\r\nx-behind: 1\r\n\r\n");
        }
        "hang" => {
            send(stream, &chunked(""));
            chunk(stream, &format!("data: {key}\n\n"));
            pause();
            return false;
        }
        // From here on: echoes that are in no place that goes on to the client.
        "hints" => {
            let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: <{key}>\r\n\r\n");
            send(stream, &(hints + &whole("200 OK", "", "ok")));
        }
        "extension" => {
            send(stream, &chunked(""));
            send(stream, &format!("2;note={key}\r\nok\r\n0\r\n\r\n"));
        }
        "name" => send(stream, &whole("200 OK", &format!("{key}: 1\r\n"), "ok")),
        "capitals" => send(stream, &whole("200 OK", &format!("X-{}: 1\r\n", key.to_uppercase()), "ok")),
        "behind" => send(stream, &(whole("200 OK", "", "ok") + key)),
        // And parts of it.
        "first" => send(stream, &whole("401 Unauthorized", "", &format!("no such key: {}…", &key[..8]))),
        "last" => {
            send(stream, &whole("401 Unauthorized", "", &format!("no such key: …{}.", &key[key.len() - 8..])))
        }
        "but-one" => send(stream, &whole("200 OK", &format!("x-key: {}\r\n", &key[..key.len() - 1]), "ok")),
        "hints-part" => {
            let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: <{}>\r\n\r\n", &key[4..]);
            send(stream, &(hints + &whole("200 OK", "", "ok")));
        }
        // And answers that are framed oddly.
        "hop" => {
            let headers = "content-encoding: br\r\ncontent-type: text/x\r\nconnection: content-encoding, Content-Type\r\n";
            send(stream, &whole("200 OK", headers, key));
        }
        "both" => {
            send(stream, &chunked("content-length: 3\r\n"));
            chunk(stream, "abcdef");
            send(stream, "0\r\n\r\n");
        }
        "coded" => {
            send(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n");
            chunk(stream, "abcdef");
            send(stream, "0\r\n\r\n");
        }
        "switch" => {
            send(stream, &format!("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n{key}"))
        }
        "endless" => {
            // Until the other side has enough of it.
            let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
            while stream.get_mut().write_all(hints.as_bytes()).is_ok() {}
            return false;
        }
        "close" => {
            send(stream, &format!("HTTP/1.1 200 OK\r\n\r\n{key}{}", &key[..9]));
            stream.get_mut().conn.send_close_notify();
            send(stream, "");
            return false;
        }
        "early" => send(stream, &whole("413 Too Large", "", "")),
        how => crate::cuts::answer(stream, how, key),
    }
    true
}

pub(crate) fn stars() -> String {
    "*".repeat(value(1).len())
}

pub(crate) fn world() -> (Provider, Broker, Client) {
    let provider = Provider::start();
    let broker = Broker::start(&provider);
    let mut client = Client::tcp(&broker);
    // The connection that would be used again.
    client.get("/proxy/openai/v1/echo").response();
    assert!(!broker.echoed().0);
    assert_eq!(provider.connections(), 1);
    (provider, broker, client)
}

/// That the next request takes so many new connections: one behind an echo, else none.
fn next_is_over(provider: &Provider, client: &mut Client, connections: usize) {
    let _ = provider.connections();
    assert!(client.get("/proxy/openai/v1/echo").response().starts_with("HTTP/1.1 201"));
    assert_eq!(provider.connections(), connections);
}

#[test]
fn an_echo_in_a_header_is_starred_told_and_its_connection_closed() {
    let (provider, broker, mut client) = world();
    let response = client.get("/proxy/openai/v1/echoed-header").response();
    assert!(response.starts_with("HTTP/1.1 302 "), "{response}");
    let stars = stars();
    for line in
        [format!("x-echo: Bearer {stars}"), format!("location: /?key={stars}&a=1"), "x-kept: 1".into()]
    {
        assert!(response.contains(&format!("\r\n{line}\r\n")), "{response}");
    }
    assert_eq!(broker.echoed(), (true, Outcome::Completed));
    next_is_over(&provider, &mut client, 1);
}

#[test]
fn an_echo_in_an_errors_body_is_starred_too() {
    for (path, text) in [("echoed-body", "Incorrect API key: "), ("echoed-failure", "")] {
        let (provider, broker, mut client) = world();
        let response = client.get(&format!("/proxy/openai/v1/{path}")).response();
        assert!(response.contains(&format!("\r\n\r\n{text}{}", stars())), "{response}");
        assert!(!response.contains(&value(2)[..9]), "{response}");
        assert_eq!(broker.echoed(), (true, Outcome::Completed));
        next_is_over(&provider, &mut client, 1);
    }
}

#[test]
fn a_providers_reason_phrase_stays_here() {
    let (provider, broker, mut client) = world();
    assert!(client.get("/proxy/openai/v1/echoed-reason").response().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(broker.echoed(), (true, Outcome::Completed));
    next_is_over(&provider, &mut client, 1);
}

#[test]
fn an_echo_in_pieces_is_starred_and_nothing_else_waits() {
    let (provider, broker, mut client) = world();
    client.get("/proxy/openai/v1/echoed-parts").until("data: ");
    provider.go();
    let event = client.until("\n\n");
    assert_eq!(event.matches('*').count(), stars().len(), "{event}");
    assert!(!event.contains("sk"), "{event}");
    provider.go();
    // What looks like a start and is none comes with the end.
    assert!(client.until("0\r\n\r\n").contains("sk-real"));
    assert_eq!(broker.echoed(), (true, Outcome::Completed));
    next_is_over(&provider, &mut client, 1);
}

#[test]
fn what_is_held_back_comes_before_trailers_and_before_a_closing_end() {
    let (provider, broker, _) = world();
    let mut client = Client::tcp(&broker);
    let got = client.get("/proxy/openai/v1/echoed-start").until("0\r\n");
    assert!(got.contains("\r\n\r\nC\r\nsk-real-valu\r\n0\r\n"), "{got}");
    assert_eq!(broker.echoed(), (true, Outcome::Completed));
    next_is_over(&provider, &mut Client::tcp(&broker), 1);
    let got = Client::tcp(&broker).get("/proxy/openai/v1/echoed-close").until("0\r\n\r\n");
    assert!(got.contains(&stars()) && got.contains("sk-real-v"), "{got}");
    assert!(!broker.echoed().0, "the one in between");
    assert_eq!(broker.echoed(), (true, Outcome::Completed));
}

#[test]
fn a_response_with_trailers_is_complete_and_reaches_a_client_that_wants_them() {
    let (provider, broker, mut client) = world();
    client.send(
        "GET /proxy/openai/v1/echoed-trailer HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
         te: trailers\r\n\r\n",
    );
    assert!(client.until("\r\n\r\n4\r\nbody\r\n0\r\nx-behind: 1\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert_eq!(broker.echoed(), (false, Outcome::Completed));
    next_is_over(&provider, &mut client, 0);
}

#[test]
fn a_coding_hides_no_echo_that_stands_there_as_it_is() {
    for path in ["echoed-gzip", "echoed-hop"] {
        let (provider, broker, mut client) = world();
        let response = client.get(&format!("/proxy/openai/v1/{path}")).response();
        assert!(response.ends_with(&format!("\r\n\r\n{}", stars())), "{response}");
        assert!(
            response.contains("\r\ncontent-encoding: "),
            "what says how to read the body stays: {response}"
        );
        assert_eq!(response.contains("\r\ncontent-type: text/x\r\n"), path == "echoed-hop");
        assert_eq!(broker.echoed(), (true, Outcome::Completed));
        next_is_over(&provider, &mut client, 1);
    }
}

#[test]
fn an_echo_that_goes_to_nobody_is_told_and_its_connection_closed() {
    for how in ["hints", "extension", "name", "capitals", "behind"] {
        let (provider, broker, mut client) = world();
        let end = if how == "extension" { "0\r\n\r\n" } else { "\r\n\r\nok" };
        let got = client.get(&format!("/proxy/openai/v1/echoed-{how}")).until(end).to_lowercase();
        assert!(got.starts_with("http/1.1 200 ok\r\n") && !got.contains(&value(2)[..12]), "{how}: {got}");
        assert_eq!(broker.echoed(), (true, Outcome::Completed), "{how}");
        next_is_over(&provider, &mut client, 1);
    }
}

#[test]
fn a_connection_that_brought_the_start_or_the_end_of_the_value_is_not_used_again() {
    for how in ["first", "last", "but-one", "hints-part"] {
        let (provider, broker, mut client) = world();
        client.get(&format!("/proxy/openai/v1/echoed-{how}")).response();
        assert_eq!(broker.echoed(), (false, Outcome::Completed), "{how}: not all of it came back");
        next_is_over(&provider, &mut client, 1);
    }
}

#[test]
fn a_protocol_changed_unasked_is_refused_and_an_echo_behind_it_told() {
    let (provider, broker, mut client) = world();
    let response = client.get("/proxy/openai/v1/echoed-switch").response();
    assert!(response.starts_with("HTTP/1.1 502 ") && response.contains("upstream_unreachable"), "{response}");
    assert_eq!(broker.echoed(), (true, Outcome::UpstreamUnreachable));
    next_is_over(&provider, &mut client, 1);
}

#[test]
fn chunks_outweigh_a_length_and_any_other_coding_is_refused() {
    let (provider, broker, mut client) = world();
    let got = client.get("/proxy/openai/v1/echoed-both").until("0\r\n\r\n");
    assert!(got.ends_with("\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n") && !got.contains("content-length"), "{got}");
    assert_eq!(broker.echoed(), (false, Outcome::Completed));
    next_is_over(&provider, &mut client, 0);
    assert_eq!(broker.echoed(), (false, Outcome::Completed));
    let response = client.get("/proxy/openai/v1/echoed-coded").response();
    assert!(response.starts_with("HTTP/1.1 502 ") && response.contains("upstream_unreachable"), "{response}");
    assert_eq!(broker.echoed(), (false, Outcome::UpstreamFailed));
}

#[test]
fn interim_responses_without_end_are_given_up() {
    let (_provider, broker, mut client) = world();
    let response = client.get("/proxy/openai/v1/echoed-endless").response();
    assert!(response.starts_with("HTTP/1.1 502 ") && response.contains("upstream_unreachable"), "{response}");
    assert_eq!(broker.echoed(), (false, Outcome::UpstreamFailed));
}

#[test]
fn everything_passes_where_the_scrub_is_off() {
    let (_provider, broker, mut client) = world();
    for path in ["echoed-header", "echoed-body"] {
        let response = client.get(&format!("/proxy/unscrubbed/v1/{path}")).response();
        assert!(
            response.contains("sk-real-value-of-the-ask-number-") && !response.contains('*'),
            "{response}"
        );
        assert!(!broker.echoed().0);
    }
}

#[test]
fn an_echo_is_told_when_the_client_leaves_behind_it() {
    let (_provider, broker, mut client) = world();
    client.get("/proxy/openai/v1/echoed-hang").until(&stars());
    drop(client);
    assert_eq!(broker.echoed(), (true, Outcome::ClientGone));
}

#[test]
fn an_answer_before_the_body_was_sent_leaves_no_connection_behind() {
    let (provider, broker, mut client) = world();
    client.send(
        "POST /proxy/openai/v1/echoed-early HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer good\r\n\
         content-length: 100\r\n\r\nnot all",
    );
    assert!(client.response().starts_with("HTTP/1.1 413 "));
    let mut client = Client::tcp(&broker);
    let _ = provider.connections();
    client.get("/proxy/openai/v1/echo").response();
    assert_eq!(provider.connections(), 1);
}

#[test]
fn a_client_that_sends_what_looks_like_a_placeholder_gains_nothing() {
    let (provider, broker, mut client) = world();
    let _ = provider.connections();
    let like = "A".repeat(value(1).len());
    let line = format!("authorization: Bearer {like}");
    let body = format!("\r\n{line}\r\n\r\n{line}\r\n");
    client.send(&format!(
        "POST /proxy/openai/v1/echo?authorization:%20Bearer%20{like}&token={like} HTTP/1.1\r\nhost: localhost\r\n\
         x-before: {line}\r\nauthorization: Bearer good\r\nauthorizations: Bearer {like}\r\ncontent-length: {}\r\n\
         \r\n{body}",
        body.len()
    ));
    let response = client.response();
    assert!(response.ends_with(&format!("\r\n\r\n{body}")), "the body came back as it went: {response}");
    let head = provider.head();
    assert_eq!(head.matches(&value(2)).count(), 1, "{head}");
    assert!(head.contains(&format!("\r\nauthorization: Bearer {}\r\n", value(2))), "{head}");
    assert!(head.contains(&format!("\r\nx-before: {line}\r\n")), "{head}");
    assert!(head.contains(&format!("\r\nauthorizations: Bearer {like}\r\n")), "{head}");
    assert_eq!(broker.echoed(), (false, Outcome::Completed));
}

#[test]
fn a_value_for_the_query_stands_there_once_and_nowhere_else() {
    let (provider, _broker, mut client) = world();
    let like = "A".repeat(value(1).len());
    for (query, expected) in [
        ("", "?token="),
        ("?key=good", "?token="),
        ("?a=%31&b", "?a=%31&b&token="),
        // Where the path looks like the place, too.
        ("?alt=sse", "?alt=sse&token="),
        ("?alt=", "?alt=&token="),
        (&format!("?token={like}&a=?token=x&t%6Fken=y&tokens=1"), "?a=?token=x&tokens=1&token="),
    ] {
        let path = if query.contains("alt=") { "&token=1:go" } else { "" };
        let response = client.get(&format!("/proxy/openai/v1/query{path}{query}")).response();
        assert!(response.starts_with("HTTP/1.1 201"), "{response}");
        let head = provider.head();
        let first = head.lines().next().unwrap();
        assert!(
            first.starts_with(&format!("GET /base/v1/query{path}{expected}sk-real-value-of-the-ask-")),
            "{head}"
        );
        assert!(first.ends_with(" HTTP/1.1") && head.matches("sk-real-value").count() == 1, "{head}");
        assert!(!head.contains("authorization") && !head.contains(&like), "{head}");
    }
}
