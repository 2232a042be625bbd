//! A provider's body on its way to the client: each piece is handed on when it comes, less what may
//! be the start of the value.
//!
//! It holds the connection and polls it. Dropped early (the client has gone), it takes the
//! connection down at once; read to its end, it puts the connection back. INV-06: with either goes
//! the slot, if a scrub has kept it: before the last piece is handed on if that is known to be the
//! last, else before the body's end is.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use proto::journal::Outcome;
use tokio::time::{Instant, Sleep};

use super::link::Link;
use super::pool::Pool;
use super::request_body::BodySource;
use crate::hazmat::scrub::{Scrub, Then};
use crate::hazmat::watch::Sight;
use crate::ticket::{Echo, Tally, Ticket};

/// The provider broke off in the middle; the client's connection is cut, so that it can tell.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the provider broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// What is needed until the last byte.
pub(super) struct Flight {
    /// The connection it comes over.
    pub(super) link: Box<Link>,
    /// Looks for the value in what comes.
    pub(super) scrub: Option<Scrub>,
    /// Tells keeperd how it ended.
    pub(super) ticket: Ticket,
    /// The body that may still be on its way up.
    pub(super) source: BodySource,
    /// Where the connection goes back to.
    pub(super) pool: Pool,
    /// Under which number.
    pub(super) place: usize,
}

impl Flight {
    /// What may go on of a piece of the body.
    fn piece(&mut self, piece: Bytes, then: Then) -> Bytes {
        let Some(scrub) = &mut self.scrub else { return piece };
        let clean = scrub.piece(piece, then);
        self.note_echo();
        clean
    }

    /// What was held back of a body that has ended.
    fn rest(&mut self) -> Bytes {
        self.scrub.as_mut().map(Scrub::rest).unwrap_or_default()
    }

    /// Puts stars in the value's place.
    fn trailers(&mut self, trailers: &mut HeaderMap) {
        if let Some(scrub) = &mut self.scrub {
            scrub.headers(trailers);
            self.note_echo();
        }
    }

    /// At once, since the request may end in many ways.
    fn note_echo(&mut self) {
        if self.link.sight() == Sight::Whole || self.scrub.as_ref().is_some_and(Scrub::has_hit) {
            self.ticket.echoed();
        }
    }
}

/// The body.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    flight: Option<Flight>,
    tally: Rc<Tally>,
    silence: Option<Silence>,
    stage: Stage,
}

/// How far it is.
enum Stage {
    /// More may come.
    Open,
    /// All has come; this is still to be handed on.
    Last(HeaderMap),
    /// All is handed on.
    Over,
    /// The provider broke off.
    Broken,
}

/// The longest silence that is borne.
struct Silence {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl ResponseBody {
    /// For a response whose head has come.
    pub(super) fn new(incoming: Incoming, flight: Flight, idle_timeout_ms: u32) -> Self {
        let limit = Duration::from_millis(u64::from(idle_timeout_ms));
        let silence =
            (!limit.is_zero()).then(|| Silence { limit, timer: Box::pin(tokio::time::sleep(limit)) });
        Self { incoming, tally: flight.ticket.tally(), flight: Some(flight), silence, stage: Stage::Open }
    }

    /// Ends the request now if its body is empty: nobody will ask for a byte of it.
    pub(super) async fn settled(mut self) -> Self {
        if self.incoming.is_end_stream() {
            std::future::poll_fn(|cx| {
                self.finish(cx);
                Poll::Ready(())
            })
            .await;
        }
        self
    }

    /// Ends the request: the slot is wiped, and the connection put back if it may serve again.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let Some(mut flight) = self.flight.take() else { return };
        // Reads what is there, which can be more than the response.
        let is_idle = flight.link.is_idle(cx);
        flight.note_echo();
        let Flight { mut link, scrub, ticket, pool, place, source: _ } = flight;
        drop(scrub);
        link.served();
        // A connection that echoed the value, or a part of it, has it in its buffers: they go, all
        // of them.
        match (ticket.echo(), link.sight()) {
            (Echo::None, Sight::Nothing) if is_idle => pool.put(place, link),
            (Echo::None | Echo::Found, Sight::Nothing | Sight::Part | Sight::Whole) => drop(link),
        }
        ticket.over(Outcome::Completed);
    }

    /// What goes on of a frame; `None` if all of it is held back.
    fn pass_on(&mut self, frame: Frame<Bytes>, cx: &mut Context<'_>) -> Option<Frame<Bytes>> {
        match frame.into_data() {
            Ok(piece) => {
                let then = if self.incoming.is_end_stream() { Then::End } else { Then::More };
                let is_empty = piece.is_empty();
                let piece = match &mut self.flight {
                    Some(flight) => flight.piece(piece, then),
                    None => piece,
                };
                self.tally.add_out(piece.len());
                if then == Then::End {
                    self.finish(cx);
                }
                (is_empty || !piece.is_empty()).then(|| Frame::data(piece))
            }
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_else(|_| HeaderMap::new());
                if let Some(flight) = &mut self.flight {
                    flight.trailers(&mut trailers);
                }
                let Some(rest) = self.end(cx) else { return Some(Frame::trailers(trailers)) };
                self.stage = Stage::Last(trailers);
                Some(rest)
            }
        }
    }

    /// The body has ended: finishes, and gives what was held back.
    fn end(&mut self, cx: &mut Context<'_>) -> Option<Frame<Bytes>> {
        let rest = self.flight.as_mut().map(Flight::rest).unwrap_or_default();
        self.tally.add_out(rest.len());
        self.finish(cx);
        self.stage = Stage::Over;
        (!rest.is_empty()).then(|| Frame::data(rest))
    }

    /// Ends the request, and waits one turn before the client's connection is cut: what came before
    /// may still be in the server's buffer, and is the client's.
    fn break_off(
        &mut self,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(flight) = self.flight.take() {
            let by_client = flight.source.failure().is_some();
            flight.ticket.over(if by_client { Outcome::ClientGone } else { outcome });
        }
        self.stage = Stage::Broken;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let first = Pin::new(&mut self.incoming).poll_frame(cx);
        if first.is_ready() {
            return first;
        }
        if let Some(flight) = &mut self.flight {
            let _ = flight.link.drive(cx);
            flight.note_echo();
        }
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.silence {
            Some(silence) => silence.timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.stage, Stage::Over) {
            Stage::Open => this.stage = Stage::Open,
            Stage::Last(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Stage::Over => return Poll::Ready(None),
            Stage::Broken => return Poll::Ready(Some(Err(BrokenOff))),
        }
        loop {
            let frame = match this.poll_incoming(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(silence) = &mut this.silence {
                        silence.timer.as_mut().reset(Instant::now() + silence.limit);
                    }
                    this.pass_on(frame, cx)
                }
                Poll::Ready(None) => match this.end(cx) {
                    Some(rest) => Some(rest),
                    None => return Poll::Ready(None),
                },
                Poll::Ready(Some(Err(_))) => return this.break_off(Outcome::UpstreamFailed, cx),
                Poll::Pending => {
                    return match this.poll_silence(cx) {
                        Poll::Ready(()) => this.break_off(Outcome::UpstreamTimeout, cx),
                        Poll::Pending => Poll::Pending,
                    };
                }
            };
            if let Some(frame) = frame {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.stage {
            Stage::Open => self.incoming.is_end_stream(),
            Stage::Over => true,
            Stage::Last(_) | Stage::Broken => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.incoming.size_hint();
        let scrub = self.flight.as_ref().and_then(|flight| flight.scrub.as_ref());
        let held = scrub.map_or(0, Scrub::held) as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint.set_lower(hint.lower().saturating_add(held));
        hint
    }
}
