//! The stream hyper reads: the client's, less what is not approved.
//!
//! A head that comes in one piece is judged where it lies, in hyper's own buffer. What is not
//! approved yet, or belongs to the next request, is taken out of that buffer and kept here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::fault::Fault;
use super::judge::{Judge, Looked, Stage};
use super::patience::{Limits, Patience};
use crate::gate::turn::Turn;

/// A client's stream.
pub(in crate::gate) struct Wire<S> {
    stream: S,
    judge: Judge,
    /// Came, and did not go on: first what is approved, then what is not.
    held: Vec<u8>,
    approved: usize,
    fault: Option<Fault>,
    turn: Rc<Turn>,
    limits: Limits,
    patience: Patience,
    wants: Wants,
}

/// Whether a body is waited for: the time for it runs only then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// Nobody has asked for more of it.
    Nothing,
    /// Somebody has, and it has not come.
    Body,
}

/// What reading more brought.
enum Read {
    /// Bytes, all of which went on or into `held`.
    Some,
    /// Nothing will come any more.
    End,
}

impl<S> Wire<S> {
    /// Around a fresh connection.
    pub(in crate::gate) fn new(stream: S, turn: Rc<Turn>, limits: Limits) -> Self {
        let patience = Patience::new(limits.head);
        Self {
            stream,
            judge: Judge::new(),
            held: Vec::new(),
            approved: 0,
            fault: None,
            turn,
            limits,
            patience,
            wants: Wants::Nothing,
        }
    }

    /// The client's stream as it is, and what came that nobody has read.
    pub(in crate::gate) fn into_rest(self) -> (S, Vec<u8>) {
        (self.stream, self.held)
    }

    /// Whether bytes came, or must be on their way, that nobody will read: closed over those, the
    /// connection would be reset, and the client might never see its answer.
    pub(in crate::gate) fn is_owed(&self) -> bool {
        !self.held.is_empty() || self.fault.is_some() || self.judge.stage() == Stage::Body
    }

    /// Takes note of what the judge said.
    fn note(&mut self, before: Stage, looked: &Looked) {
        self.fault = looked.fault;
        if before == Stage::Head && self.judge.stage() != Stage::Head {
            self.turn.take();
        }
    }

    /// What is held and was not judged, if it can be now.
    fn judge_held(&mut self) {
        if self.fault.is_none() && self.approved == 0 && !self.held.is_empty() {
            let before = self.judge.stage();
            let looked = self.judge.look(&self.held);
            self.approved = looked.approved;
            self.note(before, &looked);
        }
    }

    fn hand_out(&mut self, to: &mut ReadBuf<'_>) {
        let count = self.approved.min(to.remaining());
        to.put_slice(self.held.get(..count).unwrap_or_default());
        self.approved -= count;
        if count == self.held.len() {
            // A head may hold a token: the memory goes back, wiped, rather than to wait here.
            self.held = Vec::new();
        } else {
            self.held.drain(..count);
        }
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads once. What is approved at once stays in `to`; all else is held.
    fn read(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<Read>> {
        let before = to.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, to))?;
        let came = to.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(Read::End));
        }
        let stage = self.judge.stage();
        self.wants = Wants::Nothing;
        // The time for a head runs from its first byte.
        if stage == Stage::Head && self.held.is_empty() {
            self.patience.renew(self.limits.head);
        }
        let looked =
            if self.held.is_empty() { self.judge.look(came) } else { Looked { approved: 0, fault: None } };
        self.held.extend_from_slice(came.get(looked.approved..).unwrap_or_default());
        to.set_filled(before + looked.approved);
        self.note(stage, &looked);
        Poll::Ready(Ok(Read::Some))
    }

    /// The request is whole and waits for its answer: only the client's end is looked out for.
    fn wait_for_turn(&mut self, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.turn.wake_when_free(cx.waker());
        while self.held.is_empty() {
            match ready!(self.read(cx, to))? {
                Read::Some => {}
                Read::End => return Poll::Ready(Ok(())),
            }
        }
        Poll::Pending
    }

    /// A fault in a body ends its request. One in a head is found when the request before is answered:
    /// hyper sees the end of the stream, and the refusal is written behind what it wrote.
    fn report(&self, fault: Fault) -> Poll<io::Result<()>> {
        if self.judge.stage() == Stage::Body {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
        }
        self.turn.refuse(fault);
        Poll::Ready(Ok(()))
    }

    /// Nothing comes now: ready when nothing has for too long.
    fn give_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stage = self.judge.stage();
        if stage == Stage::Body && self.wants == Wants::Nothing {
            self.wants = Wants::Body;
            self.patience.renew(self.limits.stall);
        }
        ready!(self.patience.poll(cx));
        match stage {
            Stage::Body => {
                self.fault = Some(Fault::Stalled);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Fault::Stalled)))
            }
            Stage::Head | Stage::Done => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = to.filled().len();
        loop {
            if this.approved > 0 {
                this.hand_out(to);
                return Poll::Ready(Ok(()));
            }
            if let Some(fault) = this.fault {
                return this.report(fault);
            }
            if this.judge.stage() == Stage::Done {
                if !this.turn.is_free() {
                    return this.wait_for_turn(cx, to);
                }
                this.judge.next();
                this.patience.renew(this.limits.idle);
                this.judge_held();
                continue;
            }
            match this.read(cx, to) {
                Poll::Ready(Ok(Read::Some)) => this.judge_held(),
                Poll::Ready(Ok(Read::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return this.give_up(cx),
            }
            if to.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has handed over all it had.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.turn.flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Something may still be written behind what hyper wrote: whoever has the stream then closes it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
