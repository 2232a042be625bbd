//! Between hyper and the TLS stream: writes the value where its placeholder passes, then lets go of
//! it; and has what comes back looked through before hyper has it.
//!
//! The value goes from its slot of locked memory straight into the TLS layer. It is never in a
//! buffer of ours or of hyper's. INV-06: with its last byte written, or with an error, the slot
//! is wiped, unless the search through the response still has it.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::needle::{Needle, NeedleError, Plan, part};
use super::wash;
use super::watch::{Sight, Watch};

/// Most bytes that may come before the response's head is whole, interim heads (1xx) included: twice
/// what hyper buffers, so that what comes with a head in one go never counts against it.
const EARLY_MAX: usize = 256 * 1024;

/// The side of an [`Injector`] that stays with us when hyper has taken the stream.
#[derive(Clone, Default)]
pub(crate) struct Arm(Rc<Armed>);

#[derive(Default)]
struct Armed {
    needle: RefCell<Option<Needle>>,
    watch: RefCell<Option<Watch>>,
    sight: Cell<Sight>,
    wrote: Cell<bool>,
    read: Cell<bool>,
    /// Bytes that were read while the response's head was waited for.
    early: Cell<usize>,
    awaits_head: Cell<bool>,
    misplaced: Cell<bool>,
}

impl Arm {
    /// Arms the stream for the next request's head, and for what is read until [`Arm::forget`].
    pub(crate) fn load(&self, needle: impl Into<Option<Needle>>, watch: Option<Watch>) {
        self.0.wrote.set(false);
        self.0.read.set(false);
        self.0.sight.set(Sight::Nothing);
        self.0.early.set(0);
        self.0.awaits_head.set(true);
        *self.0.needle.borrow_mut() = needle.into();
        *self.0.watch.borrow_mut() = watch;
    }

    /// Notes that the response's head has come.
    pub(crate) fn head_came(&self) {
        self.0.awaits_head.set(false);
    }

    /// The most that was read of the value, if it is looked for.
    pub(crate) fn sight(&self) -> Sight {
        self.0.sight.get()
    }

    /// The response has ended: what was kept to look for is wiped.
    pub(crate) fn forget(&self) {
        self.0.watch.borrow_mut().take();
    }

    /// Whether the request was given up because the value had no place in what hyper wrote.
    pub(crate) fn is_misplaced(&self) -> bool {
        self.0.misplaced.get()
    }

    /// Wipes a value that was not written, if there is one.
    pub(crate) fn unload(&self) {
        self.0.needle.borrow_mut().take();
    }

    /// Whether a value waits to be written.
    pub(crate) fn is_loaded(&self) -> bool {
        self.0.needle.borrow().is_some()
    }

    fn broken(&self, _: NeedleError) -> io::Error {
        self.0.misplaced.set(true);
        io::Error::other("the request head has no place for the value")
    }

    /// Whether a byte was read since the stream was armed.
    pub(crate) fn has_read(&self) -> bool {
        self.0.read.get()
    }

    /// Whether a byte was written since the stream was armed.
    pub(crate) fn has_written(&self) -> bool {
        self.0.wrote.get()
    }
}

/// A stream that can be armed with a value.
pub(crate) struct Injector<S> {
    stream: S,
    arm: Arm,
}

impl<S> Injector<S> {
    /// Around that stream.
    pub(crate) fn new(stream: S) -> (Self, Arm) {
        let arm = Arm::default();
        (Self { stream, arm: arm.clone() }, arm)
    }
}

impl<S: AsyncWrite + Unpin> Injector<S> {
    fn write_offer(&mut self, cx: &mut Context<'_>, offer: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let mut slot = self.arm.0.needle.borrow_mut();
            let Some(needle) = slot.as_mut() else {
                drop(slot);
                return self.write_through(cx, offer);
            };
            match needle.plan(offer).map_err(|error| self.arm.broken(error))? {
                Plan::Take(bytes) => {
                    needle.took(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                Plan::Pass(bytes) => {
                    let slices: Vec<_> = part(offer, 0, bytes).collect();
                    let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))?;
                    self.arm.0.wrote.set(true);
                    needle.passed(offer, written).map_err(|error| self.arm.broken(error))?;
                    return Poll::Ready(Ok(written));
                }
                Plan::Put { before, skip } => {
                    let slices = needle.slices(offer, before, skip);
                    let result = Pin::new(&mut self.stream).poll_write_vectored(cx, &slices);
                    wash::registers();
                    let written = ready!(result)?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    self.arm.0.wrote.set(true);
                    let progress = needle.put(offer, before, skip, written);
                    let progress = progress.map_err(|error| self.arm.broken(error))?;
                    if progress.over {
                        slot.take();
                    }
                    // Nothing of the offer is done with yet: only what was owed went out.
                    if progress.consumed > 0 {
                        return Poll::Ready(Ok(progress.consumed));
                    }
                }
            }
        }
    }

    fn write_through(&mut self, cx: &mut Context<'_>, offer: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, offer))?;
        if written > 0 {
            self.arm.0.wrote.set(true);
        }
        Poll::Ready(Ok(written))
    }

    /// Writes what hyper believes written.
    fn settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut slot = self.arm.0.needle.borrow_mut();
            let Some(needle) = slot.as_mut().filter(|needle| needle.is_owing()) else {
                return Poll::Ready(Ok(()));
            };
            let slices = needle.slices(&[], 0, 0);
            let result = Pin::new(&mut self.stream).poll_write_vectored(cx, &slices);
            wash::registers();
            let written = ready!(result)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if needle.put(&[], 0, 0, written).map_err(|error| self.arm.broken(error))?.over {
                slot.take();
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Injector<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let armed = Rc::clone(&self.arm.0);
        if armed.awaits_head.get() && armed.early.get() >= EARLY_MAX {
            return Poll::Ready(Err(io::Error::other("no response came, but too much before it")));
        }
        let before = to.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, to);
        let bytes = to.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() {
            armed.read.set(true);
            armed.early.set(armed.early.get().saturating_add(bytes.len()));
            if let Some(watch) = armed.watch.borrow_mut().as_mut() {
                armed.sight.set(watch.read(bytes));
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Injector<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(self.write_offer(cx, &[IoSlice::new(from)]));
        Poll::Ready(self.wiped_on_error(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.write_offer(cx, from));
        Poll::Ready(self.wiped_on_error(result))
    }

    fn is_write_vectored(&self) -> bool {
        // Head, value and the start of the body then leave in one write, and in one TLS record.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.settle(cx));
        self.wiped_on_error(result)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.arm.unload();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S> Injector<S> {
    /// INV-06: after an error the connection is of no more use, and the value of none at all.
    fn wiped_on_error<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.arm.unload();
        }
        result
    }
}

impl<S> Drop for Injector<S> {
    fn drop(&mut self) {
        self.arm.unload();
        self.arm.forget();
    }
}

#[cfg(test)]
mod tests;
