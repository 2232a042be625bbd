//! A value that comes back in pieces, cut wherever it can be: none of it comes through, whatever
//! arrives by itself.

use proto::journal::Outcome;

use crate::broker::value;
use crate::echoes::{stars, world};
use crate::provider::{Stream, chunk, send};

/// Where a value comes back in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Body,
    Event,
}

fn read<'a>(how: &str, key: &'a str) -> Option<(Place, [&'a str; 3])> {
    let (place, cuts) = how.strip_prefix("cut-")?.split_once('-')?;
    let place = match place {
        "header" => Place::Header,
        "body" => Place::Body,
        "event" => Place::Event,
        _ => return None,
    };
    let (one, two) = cuts.split_once('-')?;
    let (one, two) = (one.parse().ok()?, two.parse().ok()?);
    Some((place, [key.get(..one)?, key.get(one..two)?, key.get(two..)?]))
}

/// What stands around it there.
const fn around(place: Place) -> (&'static str, &'static str) {
    match place {
        Place::Header => ("x-echo: Bearer ", ";"),
        Place::Body => ("Incorrect API key provided: ", "."),
        Place::Event => ("data: {\"key\":\"", "\"}\n\n"),
    }
}

/// `cut-PLACE-A-B`: sends the value back, cut before its byte A and before its byte B.
pub(crate) fn answer(stream: &mut Stream, how: &str, key: &str) {
    let Some((place, pieces)) = read(how, key) else { panic!("no such way: {how}") };
    send_in(stream, place, &pieces);
}

/// Each piece in a chunk of its own, or, in a header, in a record of TLS of its own.
fn send_in(stream: &mut Stream, place: Place, pieces: &[&str]) {
    let ((before, behind), [first, more @ .., last]) = (around(place), pieces) else { panic!("no pieces") };
    let texts = [format!("{before}{first}")].into_iter().chain(more.iter().map(|piece| (*piece).to_owned()));
    // Cut once, it has no middle; an empty chunk would be the body's end.
    let texts: Vec<String> =
        texts.chain([format!("{last}{behind}")]).filter(|text| !text.is_empty()).collect();
    match place {
        Place::Header => {
            send(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n");
            texts.iter().for_each(|text| send(stream, text));
            send(stream, "\r\n\r\n");
        }
        Place::Body | Place::Event => {
            let kind = if place == Place::Event { "text/event-stream" } else { "text/plain" };
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
            send(stream, &head);
            texts.iter().for_each(|text| chunk(stream, text));
            send(stream, "0\r\n\r\n");
        }
    }
}

/// Every way to cut a value in two and in three: nothing of it comes through, all else does, keeperd is
/// told, and the connection serves nobody else.
fn found_wherever_it_is_cut(place: Place) {
    let (provider, broker, mut client) = world();
    let _ = provider.connections();
    let stars = stars();
    let (before, behind) = around(place);
    let path = format!("/proxy/openai/v1/echoed-cut-{}", format!("{place:?}").to_lowercase());
    let length = value(1).len();
    let cuts = (1..length).flat_map(|one| (one..length).map(move |two| (one, two)));
    for (one, two) in cuts {
        client.get(&format!("{path}-{one}-{two}"));
        let got = match place {
            Place::Header => client.response(),
            Place::Body | Place::Event => client.until("\r\n0\r\n\r\n"),
        };
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "cut at {one} and {two}: {got}");
        let whole = if place == Place::Header { head.to_owned() } else { unchunked(body) };
        let due = format!("{before}{stars}{behind}");
        let is_due = if place == Place::Header {
            whole.lines().any(|line| line == due) && body.is_empty()
        } else {
            whole == due
        };
        assert!(is_due, "cut at {one} and {two}: {got}");
        assert_eq!(broker.echoed(), (true, Outcome::Completed), "cut at {one} and {two}");
        let fresh = usize::from((one, two) != (1, 1));
        assert_eq!(provider.connections(), fresh, "cut at {one} and {two}: a connection of its own");
    }
}

/// What chunks hold, without an extension among them.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let (chunk, rest) = rest.split_at(size);
        text.push_str(chunk);
        body = rest.strip_prefix("\r\n").unwrap();
        if size == 0 {
            assert_eq!(body, "");
            return text;
        }
    }
}

#[test]
fn an_echo_in_a_header_is_starred_wherever_it_is_cut_in_two_or_three() {
    found_wherever_it_is_cut(Place::Header);
}

#[test]
fn an_echo_in_a_body_is_starred_wherever_it_is_cut_in_two_or_three() {
    found_wherever_it_is_cut(Place::Body);
}

#[test]
fn an_echo_in_an_event_is_starred_wherever_it_is_cut_in_two_or_three() {
    found_wherever_it_is_cut(Place::Event);
}
