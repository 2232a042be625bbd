//! Raw bytes on both doors, each with the one answer it gets: what could be taken for two different
//! requests, or for one to another place, is refused, and the provider never hears of it.

mod bodies;
mod heads;
mod places;

use tests::standin::Ended;
use tests::world::World;
use tests::world::http::{Ask, Http};

/// What becomes of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// That many good requests, and the connection goes on.
    Good(usize),
    /// One good request, and the connection ends.
    Last,
    /// Refused with that status and code, and the connection ends. The provider sees nothing.
    Closed(u16, &'static str),
    /// The same, but the connection goes on.
    Kept(u16, &'static str),
    /// One good request, and what is behind it is refused with 400.
    Behind,
    /// The head is good and the body is not: the provider never has a whole request.
    Body(u16, &'static str),
}

/// The bytes, with TOKEN where a good token goes, and what becomes of them.
type Row = (Vec<u8>, Told);

const BAD: Told = Told::Closed(400, "bad_request");
const CHAT: &str = "/proxy/openai/v1/chat/completions";

/// A request that would be good, with these lines in its head and those bytes behind.
fn post(lines: &str, behind: &str) -> Vec<u8> {
    raw(
        &format!("POST {CHAT} HTTP/1.1"),
        &format!("host: localhost\r\nauthorization: Bearer TOKEN\r\n{lines}"),
        behind,
    )
}

fn raw(first: &str, lines: &str, behind: &str) -> Vec<u8> {
    format!("{first}\r\n{lines}\r\n{behind}").into_bytes()
}

fn put_in(bytes: &[u8], token: &str) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(5).position(|window| window == b"TOKEN") {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(token.as_bytes());
        rest = &rest[at + 5..];
    }
    [&whole, rest].concat()
}

#[test]
fn every_row_of_raw_bytes_gets_the_answer_it_is_due() {
    let rows: Vec<Row> = [heads::rows(), places::rows(), bodies::rows()].concat();
    assert!(rows.len() >= 120, "{} rows", rows.len());
    let world = World::ready();
    let _broker = world.broker();
    let token = world.token();
    for (bytes, told) in &rows {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
        let bytes = put_in(bytes, &token);
        for http in [world.tcp(), world.unix()] {
            check(&world, http, &bytes, *told, &shown);
        }
    }
    assert_eq!(world.ask(&Ask::chat()).status, 200, "others go on");
}

fn check(world: &World, mut http: Http, bytes: &[u8], told: Told, shown: &str) {
    let before = world.standin().log().all().len();
    // A peer that has heard enough may close before all is written.
    let _ = http.send(bytes);
    let mut answers = Vec::new();
    let due = match told {
        Told::Good(count) => count,
        Told::Last | Told::Closed(..) | Told::Kept(..) | Told::Body(..) => 1,
        Told::Behind => 2,
    };
    for _ in 0..due {
        let mut answer = http.head().unwrap_or_else(|error| panic!("{error}: {shown:?}"));
        answer.body = http.rest().unwrap_or_else(|error| panic!("{error}: {shown:?}"));
        answers.push(answer);
    }
    let (status, code) = match told {
        Told::Good(_) | Told::Last => (200, None),
        Told::Behind => (400, Some("bad_request")),
        Told::Closed(status, code) | Told::Kept(status, code) | Told::Body(status, code) => {
            (status, Some(code))
        }
    };
    let last = answers.last().unwrap();
    assert_eq!((last.status, last.refusal()), (status, code), "{shown:?}: {}", last.text());
    if let Some(code) = code {
        assert_eq!(last.json()["error"]["code"], code, "{shown:?}: {}", last.text());
    }
    assert!(answers[..due - 1].iter().all(|answer| answer.status == 200), "{shown:?}");
    match told {
        Told::Good(_) | Told::Kept(..) => {
            assert_eq!(
                http.ask(&Ask::get("/healthz")).map(|answer| answer.status).ok(),
                Some(200),
                "{shown:?}"
            );
        }
        Told::Last | Told::Closed(..) | Told::Behind | Told::Body(..) => {
            assert!(http.is_closed(), "{shown:?}")
        }
    }
    let log = world.standin().log();
    match told {
        Told::Good(count) => assert_eq!(log.all().len() - before, count, "{shown:?}"),
        Told::Last | Told::Behind => assert_eq!(log.all().len() - before, 1, "{shown:?}"),
        Told::Closed(..) | Told::Kept(..) => assert_eq!(log.all().len(), before, "{shown:?}"),
        Told::Body(..) => {
            assert!(
                log.wait_until(|seen| seen[before..].iter().all(|seen| seen.ended == Ended::Cut)),
                "{shown:?}"
            );
        }
    }
}
