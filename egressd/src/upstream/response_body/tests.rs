//! When the slot goes: before whatever tells the client that it has all of the response, and not
//! before the search is over.

use std::rc::{Rc, Weak};
use std::sync::mpsc::{channel, sync_channel};

use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};
use proto::control_lane::LogLevel;
use proto::hazmat::SecretBytes;
use proto::lease_lane::Inject;
use proto::name::{Method, ProviderId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::cut::Cut;
use crate::gate::strip::Strip;
use crate::hazmat::made_up;
use crate::hazmat::needle::Needle;
use crate::hazmat::watch::Watch;
use crate::keeper::Keeper;
use crate::log::Log;
use crate::upstream::dial::Wire;
use crate::upstream::request_body::RequestBody;
use Slot::{Held, Wiped};

const VALUE: &str = "sk-canary-0123456789abcdef";

/// What is handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Handed {
    Data(String),
    Trailers,
    End,
    Broken,
}

/// The slot, at the moment when that is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Held,
    Wiped,
}

fn data(text: &str, slot: Slot) -> (Handed, Slot) {
    (Handed::Data(text.to_owned()), slot)
}

/// Whether the response is searched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Search {
    On,
    Off,
}

/// A response whose head has come.
struct Flying {
    body: ResponseBody,
    value: Weak<SecretBytes>,
    provider: TcpStream,
    pool: Pool,
}

impl Flying {
    /// Over a connection to a provider that answers with this much at first.
    async fn begin(answer: &str, search: Search) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut provider, _) = listener.accept().await.unwrap();
        let mut link = Link::over(Wire::Plain(stream)).await.unwrap_or_else(|_| panic!("a link"));

        let slot = made_up::value(VALUE.as_bytes());
        let value = Rc::downgrade(&slot);
        let needle = Needle::in_header("authorization", "Bearer ", Rc::clone(&slot)).unwrap();
        let scrub = (search == Search::On).then(|| Scrub::new(Rc::clone(&slot)));
        let watch = (search == Search::On).then(|| Watch::new(slot));
        let ticket = ticket();
        let strip = Rc::new(Strip::new(&HeaderMap::new(), &Inject::Nothing, &[]));
        let (body, source) = RequestBody::none(ticket.tally(), strip);
        let placeholder = [b"Bearer ", needle.placeholder()].concat();
        let request = Request::get("/x").header(HOST, "localhost").header(AUTHORIZATION, placeholder);
        let request = request.body(body).unwrap();

        let answered = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(provider.read_u8().await.unwrap());
            }
            assert!(String::from_utf8(head).unwrap().contains(VALUE), "the provider was shown the value");
            provider.write_all(answer.as_bytes()).await.unwrap();
        };
        let (response, ()) = tokio::join!(link.exchange(request, Some(needle), watch), answered);
        let incoming = response.unwrap_or_else(|()| panic!("a response")).into_body();
        let pool = Pool::new();
        let flight = Flight { link, scrub, ticket, source, pool: pool.clone(), place: 0 };
        Self { body: ResponseBody::new(incoming, flight, 0), value, provider, pool }
    }

    fn slot(&self) -> Slot {
        if self.value.strong_count() == 0 { Wiped } else { Held }
    }

    async fn next(&mut self) -> (Handed, Slot) {
        let value = &self.value;
        let body = &mut self.body;
        std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            polled.map(|frame| {
                let slot = if value.strong_count() == 0 { Wiped } else { Held };
                (handed(frame), slot)
            })
        })
        .await
    }

    /// All that is handed on, while the rest of the answer comes piece by piece.
    async fn rest(&mut self, pieces: &[&str], behind: Behind) -> Vec<(Handed, Slot)> {
        let mut all = Vec::new();
        let mut pieces = pieces.iter();
        loop {
            let next = self.next().await;
            let is_over = matches!(next.0, Handed::End | Handed::Broken);
            all.push(next);
            if is_over {
                return all;
            }
            if let Some(piece) = pieces.next() {
                self.provider.write_all(piece.as_bytes()).await.unwrap();
            }
            if pieces.len() == 0 && behind == Behind::Close {
                self.provider.shutdown().await.unwrap();
            }
        }
    }
}

/// What the provider does behind its last piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Wait,
    Close,
}

fn handed(frame: Option<Result<Frame<Bytes>, BrokenOff>>) -> Handed {
    match frame {
        Some(Ok(frame)) => match frame.into_data() {
            Ok(data) => Handed::Data(String::from_utf8(data.to_vec()).unwrap()),
            Err(_) => Handed::Trailers,
        },
        Some(Err(BrokenOff)) => Handed::Broken,
        None => Handed::End,
    }
}

fn ticket() -> Ticket {
    let (bell, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let log = Log::new(LogLevel::Error, sync_channel(1).0, channel().0, bell);
    let provider = ProviderId::parse("openai").unwrap();
    Ticket::new(Keeper::new(), Rc::new(Cut::default()), log, 1, provider, Method::parse("GET").unwrap())
}

/// As a worker runs it.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn sized(length: usize, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[test]
fn the_slot_is_wiped_before_the_last_byte_of_a_known_length_is_handed_on() {
    let echo = format!("key: {VALUE}");
    let stars = format!("key: {}", "*".repeat(VALUE.len()));
    for (head, pieces, expected) in [
        (sized(5, "hello"), &[][..], vec![data("hello", Wiped)]),
        (sized(5, "he"), &["ll", "o"], vec![data("he", Held), data("ll", Held), data("o", Wiped)]),
        // The start of a value, which is held back, and none.
        (sized(8, "hello"), &["sk-"], vec![data("hello", Held), data("sk-", Wiped)]),
        (sized(7, "he sk"), &["y!"], vec![data("he ", Held), data("sky!", Wiped)]),
        (sized(echo.len(), &echo), &[], vec![data(&stars, Wiped)]),
    ] {
        run(async {
            let mut flying = Flying::begin(&head, Search::On).await;
            assert_eq!(flying.slot(), Held, "{head:?}");
            let due: Vec<_> = expected.iter().cloned().chain([(Handed::End, Wiped)]).collect();
            assert_eq!(flying.rest(pieces, Behind::Wait).await, due, "{head:?}");
        });
    }
}

#[test]
fn the_slot_is_wiped_before_an_end_that_only_the_end_itself_tells_is_handed_on() {
    let trailers = (Handed::Trailers, Wiped);
    for (first, last, expected) in [
        ("5\r\nhello\r\n", "0\r\n\r\n", vec![data("hello", Held)]),
        ("5\r\nhello\r\n", "0\r\nx-sum: 7\r\n\r\n", vec![data("hello", Held), trailers.clone()]),
        // What was held back is the last of the data.
        ("8\r\nhello sk\r\n", "0\r\n\r\n", vec![data("hello ", Held), data("sk", Wiped)]),
        ("5\r\nhello\r\n", "3\r\nsk-\r\n0\r\n\r\n", vec![data("hello", Held), data("sk-", Wiped)]),
        (
            "8\r\nhello sk\r\n",
            "0\r\nx-sum: 7\r\n\r\n",
            vec![data("hello ", Held), data("sk", Wiped), trailers],
        ),
    ] {
        run(async {
            let mut flying = Flying::begin(&format!("{CHUNKED}{first}"), Search::On).await;
            let due: Vec<_> = expected.iter().cloned().chain([(Handed::End, Wiped)]).collect();
            assert_eq!(flying.rest(&[last], Behind::Wait).await, due, "{first:?} {last:?}");
        });
    }
    run(async {
        let mut flying = Flying::begin("HTTP/1.1 200 OK\r\n\r\nhello sk", Search::On).await;
        let due = [data("hello ", Held), data("sk", Wiped), (Handed::End, Wiped)];
        assert_eq!(flying.rest(&[], Behind::Close).await, due, "until the connection closes");
    });
}

#[test]
fn the_slot_is_wiped_when_the_connection_goes_back_to_the_pool() {
    run(async {
        let mut flying = Flying::begin(&sized(5, "hello"), Search::On).await;
        assert_eq!(flying.next().await, data("hello", Wiped));
        assert!(flying.pool.take(0).await.is_some(), "it is kept for the next request");
    });
}

#[test]
fn the_slot_is_wiped_before_the_head_of_a_response_without_a_body_and_without_the_search() {
    run(async {
        let Flying { body, value, provider: _provider, pool: _ } =
            Flying::begin(&sized(0, ""), Search::On).await;
        assert!(value.strong_count() > 0);
        let _body = body.settled().await;
        assert_eq!(value.strong_count(), 0);
        let flying = Flying::begin(&sized(5, ""), Search::Off).await;
        assert_eq!(flying.slot(), Wiped, "what is not searched has no use for it");
    });
}

#[test]
fn the_slot_is_wiped_when_the_provider_breaks_off_or_the_client_leaves() {
    run(async {
        let mut flying = Flying::begin(&sized(8, "hello"), Search::On).await;
        let due = [data("hello", Held), (Handed::Broken, Wiped)];
        assert_eq!(flying.rest(&[], Behind::Close).await, due);
        let Flying { body, value, provider: _provider, pool: _ } =
            Flying::begin(&sized(8, "hello"), Search::On).await;
        assert!(value.strong_count() > 0);
        drop(body);
        assert_eq!(value.strong_count(), 0);
    });
}
