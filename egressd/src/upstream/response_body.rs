//! A provider's body on its way to the client: each piece is handed on when it comes.
//!
//! It holds the connection and polls it. Dropped early (the client has gone), it takes the
//! connection down at once; read to its end, it puts the connection back.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use proto::journal::Outcome;
use tokio::time::{Instant, Sleep};

use super::link::Link;
use super::pool::Pool;
use super::request_body::BodySource;
use crate::ticket::{Tally, Ticket};

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
    /// Tells keeperd how it ended.
    pub(super) ticket: Ticket,
    /// The body that may still be on its way up.
    pub(super) source: BodySource,
    /// Where the connection goes back to.
    pub(super) pool: Pool,
    /// Under which number.
    pub(super) place: usize,
}

/// The body.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    flight: Option<Flight>,
    tally: Rc<Tally>,
    silence: Option<Silence>,
    is_broken: bool,
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
        Self { incoming, tally: flight.ticket.tally(), flight: Some(flight), silence, is_broken: false }
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

    fn finish(&mut self, cx: &mut Context<'_>) {
        let Some(Flight { mut link, ticket, pool, place, source: _ }) = self.flight.take() else {
            return;
        };
        link.served();
        if link.is_idle(cx) {
            pool.put(place, link);
        }
        ticket.over(Outcome::Completed);
    }

    /// Ends the request, and waits one turn before the client's connection is cut: what came before
    /// may still be in the server's buffer, and is the client's.
    fn break_off(
        &mut self,
        outcome: Outcome,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(flight) = self.flight.take() {
            let by_client = flight.source.has_failed();
            flight.ticket.over(if by_client { Outcome::ClientGone } else { outcome });
        }
        self.is_broken = true;
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
        if this.is_broken {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        match this.poll_incoming(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.tally.add_out(frame.data_ref().map_or(0, Bytes::len));
                if let Some(silence) = &mut this.silence {
                    silence.timer.as_mut().reset(Instant::now() + silence.limit);
                }
                if this.incoming.is_end_stream() {
                    this.finish(cx);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                this.finish(cx);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => this.break_off(Outcome::UpstreamFailed, cx),
            Poll::Pending => match this.poll_silence(cx) {
                Poll::Ready(()) => this.break_off(Outcome::UpstreamTimeout, cx),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
