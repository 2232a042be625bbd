//! A body that is handed over piece by piece, and tells the log what became of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::seen::{Ended, Log};

/// What to do next with the connection.
pub(super) enum Piece {
    /// Hand this over.
    Bytes(Bytes),
    /// Break it off.
    BreakOff,
}

/// The body of an answer.
pub(super) struct Pieces {
    source: mpsc::Receiver<Piece>,
    /// Known for answers that are not streamed.
    left: Option<u64>,
    log: Arc<Log>,
    place: usize,
    ended: Ended,
}

impl Pieces {
    /// A body of one piece, of known length.
    pub(super) fn whole(bytes: Vec<u8>, log: Arc<Log>, place: usize) -> Self {
        let (to, source) = mpsc::channel(1);
        let left = Some(bytes.len() as u64);
        // There is room for one, and nobody else has the sender.
        let _ = to.try_send(Piece::Bytes(bytes.into()));
        Self { source, left, log, place, ended: Ended::NotYet }
    }

    /// A body that is streamed, and where its pieces go.
    pub(super) fn streamed(log: Arc<Log>, place: usize) -> (mpsc::Sender<Piece>, Self) {
        let (to, source) = mpsc::channel(1);
        (to, Self { source, left: None, log, place, ended: Ended::NotYet })
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Poll::Ready(piece) = self.source.poll_recv(context) else { return Poll::Pending };
        Poll::Ready(match piece {
            Some(Piece::Bytes(bytes)) => {
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                self.log.change(self.place, |seen| seen.pieces += 1);
                if self.left == Some(0) {
                    self.ended = Ended::Complete;
                }
                Some(Ok(Frame::data(bytes)))
            }
            Some(Piece::BreakOff) => Some(Err(io::Error::other("the script says so"))),
            None => {
                self.ended = Ended::Complete;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let ended = if self.ended == Ended::Complete { Ended::Complete } else { Ended::Cut };
        self.log.change(self.place, |seen| seen.ended = ended);
    }
}
