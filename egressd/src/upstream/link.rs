//! One connection to a provider, driven by the request that has it.
//!
//! hyper's half that reads and writes is polled from inside the request, not by a task of its own:
//! that saves two wake-ups a chunk, and a request that is dropped takes its connection with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::dial::Wire;
use super::request_body::RequestBody;
use crate::hazmat::inject::{Arm, Injector};
use crate::hazmat::needle::Needle;
use crate::hazmat::watch::{Sight, Watch};
use crate::refusal::Cause;

/// Most bytes hyper buffers of one connection, each way.
const BUFFER_MAX: usize = 128 * 1024;

/// A connection.
pub(super) struct Link {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<Injector<Wire>>, RequestBody>,
    arm: Arm,
    is_over: bool,
    has_served: bool,
}

impl Link {
    /// Speaks HTTP/1.1 over a wire.
    pub(super) async fn over(wire: Wire) -> Result<Box<Self>, Cause> {
        let (injector, arm) = Injector::new(wire);
        let (sender, connection) = Builder::new()
            .max_buf_size(BUFFER_MAX)
            .handshake(TokioIo::new(injector))
            .await
            .map_err(|_| Cause::UpstreamUnreachable("it broke off"))?;
        Ok(Box::new(Self { sender, connection, arm, is_over: false, has_served: false }))
    }

    /// Sends a request with the value in its head, if there is one, and waits for the response's head. An error says
    /// only that there is none.
    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        needle: Option<Needle>,
        watch: Option<Watch>,
    ) -> Result<Response<Incoming>, ()> {
        self.arm.load(needle, watch);
        let answer = self.sender.send_request(request);
        let mut answer = std::pin::pin!(answer);
        let result = std::future::poll_fn(|cx| {
            let driven = drive(&mut self.connection, &mut self.is_over, cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(_)) => Poll::Ready(Err(())),
                // The connection has ended and left nothing behind.
                Poll::Pending if driven.is_ready() => Poll::Ready(Err(())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        self.arm.head_came();
        if result.is_err() {
            // INV-06: nobody will write it any more.
            self.arm.unload();
        }
        result
    }

    /// The stream itself, once its protocol was changed, and what came behind the head. INV-06: its
    /// value is written, and looked for no longer.
    pub(super) async fn into_stream(mut self) -> (Injector<Wire>, Bytes) {
        std::future::poll_fn(|cx| {
            let _ = self.drive(cx);
            Poll::Ready(())
        })
        .await;
        self.arm.unload();
        self.arm.forget();
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }

    /// Reads and writes what can be; ready when the connection has ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        drive(&mut self.connection, &mut self.is_over, cx)
    }

    /// Whether the next request may go out, with the last one over. Looks at the socket once: a
    /// provider that closed it meanwhile is found here.
    pub(super) fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx).is_pending() && self.sender.is_ready() && !self.arm.is_loaded()
    }

    /// Notes that a whole response came over it: its value is looked for no longer, and wiped.
    pub(super) fn served(&mut self) {
        self.has_served = true;
        self.arm.forget();
    }

    /// How much of the value was read since the request went out, if it is looked for.
    pub(super) fn sight(&self) -> Sight {
        self.arm.sight()
    }

    /// Whether it failed in the way an idle connection does when its peer closed it: it has served
    /// before, and not a byte came back. A value without a place is our mistake, and would be one again.
    pub(super) fn was_stale(&self) -> bool {
        self.has_served && !self.arm.has_read() && !self.arm.is_misplaced()
    }

    /// Whether a byte of the last request was written.
    pub(super) fn has_written(&self) -> bool {
        self.arm.has_written()
    }
}

fn drive(
    connection: &mut Connection<TokioIo<Injector<Wire>>, RequestBody>,
    is_over: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if *is_over {
        return Poll::Ready(());
    }
    Pin::new(connection).poll(cx).map(|_| *is_over = true)
}
