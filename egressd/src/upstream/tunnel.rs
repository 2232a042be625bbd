//! Both ways at once, once the protocol was changed: bytes as they come, counted and not looked at.
//!
//! The value is not here: it was wiped with the response's head. Either side may end its half; the
//! other then has some time to end its own. Dropped, it closes both.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use proto::journal::Outcome;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Wire;
use crate::gate::wire::Patience;
use crate::hazmat::inject::Injector;
use crate::ticket::Ticket;

/// Most bytes under way in one direction.
const ROOM: usize = 16 * 1024;
/// How long one side may send on when the other has ended.
const HALF_OPEN: Duration = Duration::from_secs(30);

/// A connection to a provider that has changed its protocol.
pub(crate) struct Tunnel {
    provider: Injector<Wire>,
    early: Bytes,
    ticket: Ticket,
    silence: Option<Duration>,
}

impl Tunnel {
    /// `early` is what came behind the head. The provider may be silent for that long, if there is
    /// a limit.
    pub(super) const fn new(
        provider: Injector<Wire>,
        early: Bytes,
        ticket: Ticket,
        silence: Option<Duration>,
    ) -> Self {
        Self { provider, early, ticket, silence }
    }

    /// Passes bytes until both sides have ended, or one has broken off.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, mut client: S, held: Vec<u8>) {
        let Self { mut provider, early, ticket, silence } = self;
        let tally = ticket.tally();
        let (mut up, mut down) = (Way::new(&held), Way::new(&early));
        tally.add_in(held.len());
        tally.add_out(early.len());
        let mut silence = silence.map(|limit| (limit, Patience::new(limit)));
        let mut half_open: Option<Patience> = None;
        let outcome = std::future::poll_fn(|cx| {
            let sent = up.poll(cx, &mut client, &mut provider, |bytes| tally.add_in(bytes));
            let came = tally.bytes_out.get();
            let got = down.poll(cx, &mut provider, &mut client, |bytes| tally.add_out(bytes));
            match (&sent, &got) {
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Outcome::Completed),
                (Poll::Ready(Err(Side::From)), _) | (_, Poll::Ready(Err(Side::To))) => {
                    return Poll::Ready(Outcome::ClientGone);
                }
                (Poll::Ready(Err(Side::To)), _) | (_, Poll::Ready(Err(Side::From))) => {
                    return Poll::Ready(Outcome::UpstreamFailed);
                }
                (Poll::Ready(Ok(())), Poll::Pending) | (Poll::Pending, Poll::Ready(Ok(()))) => {
                    let limit = half_open.get_or_insert_with(|| Patience::new(HALF_OPEN));
                    ready!(limit.poll(cx));
                    return Poll::Ready(Outcome::Completed);
                }
                (Poll::Pending, Poll::Pending) => {}
            }
            let Some((limit, patience)) = &mut silence else { return Poll::Pending };
            if tally.bytes_out.get() > came {
                patience.renew(*limit);
            }
            patience.poll(cx).map(|()| Outcome::UpstreamTimeout)
        })
        .await;
        ticket.over(outcome);
    }
}

/// Whose connection broke.
enum Side {
    From,
    To,
}

/// One direction.
struct Way {
    room: Vec<u8>,
    /// What is in the room and was not written.
    start: usize,
    end: usize,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Nothing more comes.
    Ended,
    /// And the other side knows.
    Over,
}

impl Way {
    /// With what came before.
    fn new(early: &[u8]) -> Self {
        let mut room = early.to_vec();
        room.resize(early.len().max(ROOM), 0);
        Self { room, start: 0, end: early.len(), stage: Stage::Open }
    }

    /// Ready when all was passed on, the end too.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        count: impl Fn(usize),
    ) -> Poll<Result<(), Side>> {
        loop {
            while let Some(rest @ [_, ..]) = self.room.get(self.start..self.end) {
                match ready!(Pin::new(&mut *to).poll_write(cx, rest)) {
                    Ok(written @ 1..) => self.start += written,
                    Ok(0) | Err(_) => return Poll::Ready(Err(Side::To)),
                }
            }
            match self.stage {
                Stage::Over => return Poll::Ready(Ok(())),
                Stage::Ended => {
                    // The other side may have closed already, which is as good.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.stage = Stage::Over;
                }
                Stage::Open => {
                    let mut room = ReadBuf::new(&mut self.room);
                    let Poll::Ready(read) = Pin::new(&mut *from).poll_read(cx, &mut room) else {
                        return match ready!(Pin::new(&mut *to).poll_flush(cx)) {
                            Ok(()) => Poll::Pending,
                            Err(_) => Poll::Ready(Err(Side::To)),
                        };
                    };
                    (self.start, self.end) = (0, room.filled().len());
                    count(self.end);
                    match read {
                        Ok(()) if self.end == 0 => self.stage = Stage::Ended,
                        Ok(()) => {}
                        // A peer that closes without a word of TLS has still closed.
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                            self.stage = Stage::Ended
                        }
                        Err(_) => return Poll::Ready(Err(Side::From)),
                    }
                }
            }
        }
    }
}
