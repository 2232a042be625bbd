//! A client's socket, for hyper to read and write, and for others to see whether the client is still
//! there: hyper does not look while a request waits with bytes of its body unread. Nothing is read or
//! written here but for hyper.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether somebody is still at the other end.
pub(crate) trait Presence {
    /// The client closed its connection, or its half of it.
    fn is_gone(&self) -> bool;
}

/// One socket of two owners.
pub(super) struct Shared<S>(Rc<RefCell<S>>);

impl<S> Shared<S> {
    pub(super) fn new(socket: S) -> Self {
        Self(Rc::new(RefCell::new(socket)))
    }

    /// The same socket.
    pub(super) fn again(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsFd> Presence for Shared<S> {
    fn is_gone(&self) -> bool {
        let socket = self.0.borrow();
        let gone = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);
        // It does not wait. POLLHUP and POLLERR are told unasked.
        let mut look = [PollFd::new(socket.as_fd(), gone)];
        poll(&mut look, PollTimeout::ZERO).is_ok_and(|found| found > 0)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shared<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shared<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_client_is_gone_when_it_closed_also_behind_bytes_nobody_has_read() {
        for end in [Shutdown::Write, Shutdown::Both] {
            let (ours, mut client) = UnixStream::pair().unwrap();
            let shared = Shared::new(ours);
            assert!(!shared.is_gone());
            client.write_all(b"unread").unwrap();
            assert!(!shared.is_gone());
            client.shutdown(end).unwrap();
            assert!(shared.again().is_gone());
        }
    }
}
