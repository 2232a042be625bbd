//! The same verdict however the bytes are cut, and none that another reader would not share.

use proptest::prelude::*;

use super::*;

/// What came of a whole connection's bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    approved: Vec<u8>,
    /// How many requests were whole.
    requests: usize,
    fault: Option<Fault>,
}

fn judged(pieces: &[&[u8]]) -> Outcome {
    let mut judge = Judge::new();
    let (mut outcome, mut held) = (Outcome::default(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let looked = judge.look(&held);
            assert!(looked.approved <= held.len());
            outcome.approved.extend(held.drain(..looked.approved));
            if looked.fault.is_some() {
                outcome.fault = looked.fault;
                return outcome;
            }
            if judge.stage() != Stage::Done {
                break;
            }
            outcome.requests += 1;
            judge.next();
            if held.is_empty() {
                break;
            }
        }
    }
    outcome
}

fn head(lines: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}

fn good() -> Vec<(String, usize)> {
    vec![
        ("GET / HTTP/1.0\r\n\r\n".into(), 1),
        ("GET http://127.0.0.1:1/a?b HTTP/1.1\r\nhost: localhost\r\n\r\n".into(), 1),
        (head("content-length: 3\r\n") + "abc" + &head(""), 2),
        (
            head("Transfer-Encoding: Chunked \r\n")
                + "5\r\nhello\r\n0aA\r\n"
                + &"\r".repeat(170)
                + "\r\n0\r\n\r\n",
            1,
        ),
        (head("transfer-encoding:chunked\r\n") + "1\r\na\r\n000\r\nX-Sum: 1\r\ny:\r\n\r\n" + &head(""), 2),
        (head("a: \u{e9}\tb\r\nexpect: 100-Continue\r\n"), 1),
        (head(&"x: y\r\n".repeat(99)), 1),
    ]
}

fn bad() -> Vec<String> {
    let chunked = |body: &str| head("transfer-encoding: chunked\r\n") + body;
    vec![
        head("content-length: 1\r\ncontent-length: 1\r\n"),
        head("content-length: 1\r\ntransfer-encoding: chunked\r\n"),
        head("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        head("content-length: +1\r\n"),
        head("a: b\n"),
        head("a: b\rc: d\r\n"),
        head("a: b\r\n c\r\n"),
        head("a : b\r\n"),
        head("a: b\0\r\n"),
        head("host: localhost\r\n"),
        head(&"x: y\r\n".repeat(100)),
        head(&format!("x: {}\r\n", "y".repeat(65 * 1024))),
        chunked("5;a=b\r\nhello\r\n"),
        chunked("5\nhello\r\n"),
        chunked("5\r\nhelloworld\r\n"),
        chunked("0x5\r\nhello\r\n"),
        chunked("fffffffffffffffff\r\n"),
        chunked("\r\n"),
        chunked("0\r\na b: c\r\n\r\n"),
        chunked(&format!("0\r\na: {}\r\n\r\n", "b".repeat(9000))),
        head("") + "GET / HTTP/2.0\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n".into(),
    ]
}

#[test]
fn what_is_well_formed_passes_whole_and_what_is_not_does_not() {
    for (text, requests) in good() {
        let approved = text.clone().into_bytes();
        assert_eq!(judged(&[text.as_bytes()]), Outcome { approved, requests, fault: None });
    }
    for text in bad() {
        let outcome = judged(&[text.as_bytes()]);
        assert!(outcome.fault.is_some(), "{text:?}");
    }
}

#[test]
fn a_cut_at_any_byte_changes_no_verdict() {
    for text in good().into_iter().map(|(text, _)| text).chain(bad()) {
        let whole = judged(&[text.as_bytes()]);
        for at in 0..text.len().min(2000) {
            let (one, other) = text.as_bytes().split_at(at);
            assert_eq!(judged(&[one, other]), whole, "{at} of {:?}", &text[..text.len().min(200)]);
        }
    }
}

/// The corpus, with some bytes put in, taken out or changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let texts: Vec<String> = good().into_iter().map(|(text, _)| text).chain(bad()).collect();
    let odd = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b" ".to_vec()),
        Just(b":".to_vec()),
        Just(b"0".to_vec()),
        Just(b";".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"/".to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), odd, 0_usize..3), 0..4);
    (prop::sample::select(texts), changes).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        bytes.truncate(1000);
        for (at, odd, cut) in changes {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, odd);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_are_judged_as_the_whole(text in mutated(), mut cuts in proptest::collection::vec(0_usize..1000, 0..20)) {
        cuts.retain(|cut| *cut < text.len());
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for to in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text[from..to]);
            from = to;
        }
        let whole = judged(&[&text]);
        prop_assert!(text.starts_with(&whole.approved), "nothing is rewritten");
        prop_assert_eq!(judged(&pieces), whole);
    }

    #[test]
    fn a_head_that_passes_has_the_same_end_and_headers_to_hyper(text in mutated()) {
        let mut judge = super::super::head::Head::default();
        if let Ok(Some((length, framing))) = judge.look(&text) {
            let mut headers = [httparse::EMPTY_HEADER; 101];
            let mut request = httparse::Request::new(&mut headers);
            prop_assert_eq!(request.parse(&text), Ok(httparse::Status::Complete(length)));
            let named = |name| request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
            let expected = match framing {
                Framing::Chunks => (0, 1),
                Framing::Length(0) => (named("content-length").min(1), 0),
                Framing::Length(_) => (1, 0),
            };
            prop_assert_eq!((named("content-length"), named("transfer-encoding")), expected);
            prop_assert!(hyper::Method::from_bytes(request.method.unwrap().as_bytes()).is_ok());
            prop_assert!(hyper::Uri::try_from(request.path.unwrap()).is_ok());
        }
    }
}
