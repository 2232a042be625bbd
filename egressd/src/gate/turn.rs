//! Whose turn it is on a client's connection: the client's, to send a request, or the gateway's, to
//! answer it. Known to the stream beneath hyper, to the request above it, and to whoever needs the
//! place of a connection that only waits.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::wire::Fault;
use crate::upstream::tunnel::Tunnel;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The client may send a request.
    Free,
    /// A request is being answered.
    Taken,
    /// Its answer was handed to hyper, which may not have written all of it.
    Answered,
    /// It was the last request: its answer changed the protocol.
    Switched,
}

/// One connection.
pub(crate) struct Turn {
    state: Cell<State>,
    /// Since when nothing was asked on it.
    free_since: Cell<Instant>,
    waker: Cell<Option<Waker>>,
    refused: Cell<Option<Fault>>,
    tunnel: Cell<Option<Box<Tunnel>>>,
    leave: Notify,
}

impl Turn {
    /// Of a fresh connection.
    pub(super) fn new() -> Self {
        Self {
            state: Cell::new(State::Free),
            free_since: Cell::new(Instant::now()),
            waker: Cell::new(None),
            refused: Cell::new(None),
            tunnel: Cell::new(None),
            leave: Notify::new(),
        }
    }

    /// A whole head has come.
    pub(super) fn take(&self) {
        self.state.set(State::Taken);
    }

    /// Whether all that was asked is answered, and the answer written: a client that reads none is
    /// not asked for more.
    pub(super) fn is_free(&self) -> bool {
        self.state.get() == State::Free
    }

    /// hyper has written all it had.
    pub(super) fn flushed(&self) {
        if self.state.get() == State::Answered {
            self.state.set(State::Free);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    /// Whom to wake when the turn changes.
    pub(super) fn wake_when_free(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }

    /// The answer changes the protocol: no further request comes, and what does goes there.
    pub(super) fn switch(&self, tunnel: Box<Tunnel>) {
        self.state.set(State::Switched);
        self.tunnel.set(Some(tunnel));
    }

    /// Where it goes when hyper is done with the connection.
    pub(super) fn switched(&self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }

    /// Nothing more is read of it; the client is to be told why.
    pub(super) fn refuse(&self, fault: Fault) {
        self.refused.set(Some(fault));
    }

    /// Why nothing more is read of it.
    pub(super) fn refused(&self) -> Option<Fault> {
        self.refused.get()
    }

    /// Since when it only waits; `None` while a request is on it.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        match self.state.get() {
            State::Free | State::Answered => Some(self.free_since.get()),
            State::Taken | State::Switched => None,
        }
    }

    /// Its place is needed.
    pub(super) fn send_away(&self) {
        self.leave.notify_one();
    }

    /// Waits until its place is needed.
    pub(super) async fn is_sent_away(&self) {
        self.leave.notified().await;
    }

    fn answered(&self) {
        if self.state.get() == State::Switched {
            return;
        }
        self.state.set(State::Answered);
        self.free_since.set(Instant::now());
    }
}

/// An answer's body, with which the turn ends: hyper drops it when it needs no more of it.
pub(super) struct Answering<B> {
    body: B,
    turn: Rc<Turn>,
}

impl<B> Answering<B> {
    /// The answer to the request whose turn it is.
    pub(super) const fn new(body: B, turn: Rc<Turn>) -> Self {
        Self { body, turn }
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.turn.answered();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
