//! A client's body on its way to a provider: passed on as it comes, counted, never kept. Its
//! trailers are held to the rules of its head.
//!
//! One end stays with the request, so that a body nobody has touched can be sent again over a fresh
//! connection.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::HeaderMap;

use crate::gate::strip::Strip;
use crate::gate::wire::Fault;
use crate::ticket::Tally;

struct Shared {
    body: RefCell<Option<Incoming>>,
    is_touched: Cell<bool>,
    failure: Cell<Option<ClientFailure>>,
    tally: Rc<Tally>,
    strip: Rc<Strip>,
}

/// Why a client's body does not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientFailure {
    /// The client has gone.
    BrokeOff,
    /// It is there, and is to be told.
    Wrong(Fault),
}

/// The end that hyper's client reads.
pub(super) struct RequestBody(Rc<Shared>);

/// The end that stays.
pub(super) struct BodySource(Rc<Shared>);

impl RequestBody {
    /// Splits a body into the two ends.
    pub(super) fn split(body: Incoming, tally: Rc<Tally>, strip: Rc<Strip>) -> (Self, BodySource) {
        let shared = Rc::new(Shared {
            body: RefCell::new(Some(body)),
            is_touched: Cell::new(false),
            failure: Cell::new(None),
            tally,
            strip,
        });
        (Self(Rc::clone(&shared)), BodySource(shared))
    }
}

impl Shared {
    fn pass_on(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(data) => {
                self.tally.add_in(data.len());
                Frame::data(data)
            }
            // A frame that were of neither kind would go on as empty trailers.
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_else(|_| HeaderMap::new());
                Frame::trailers(self.strip.trailers(&trailers))
            }
        }
    }
}

impl BodySource {
    /// The body, if not a byte of it was read.
    pub(super) fn take_back(&self) -> Option<Incoming> {
        if self.0.is_touched.get() { None } else { self.0.body.borrow_mut().take() }
    }

    /// Whether its body will not come whole, and why.
    pub(super) fn failure(&self) -> Option<ClientFailure> {
        self.0.failure.get()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.body.borrow_mut();
        let Some(incoming) = body.as_mut() else {
            return Poll::Ready(None);
        };
        self.0.is_touched.set(true);
        let frame = Pin::new(incoming).poll_frame(cx);
        match frame {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(self.0.pass_on(frame)))),
            Poll::Ready(Some(Err(error))) => {
                let failure = Fault::behind(&error).map_or(ClientFailure::BrokeOff, ClientFailure::Wrong);
                self.0.failure.set(Some(failure));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) | Poll::Pending => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.borrow().as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.borrow().as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
