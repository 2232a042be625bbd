//! How the keeper's other threads wake its loop: an eventfd (eventfd(2)) beside their channels.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Starts a thread, and returns once its work has begun: the filters that come next have no rows for
/// what a thread does before that.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let (begun, begins) = channel();
    let thread = Builder::new().name(name.to_owned()).spawn(move || {
        let _ = begun.send(());
        work();
    })?;
    begins.recv().map_err(io::Error::other)?;
    Ok(thread)
}

/// The loop's bell. Clones ring the same one.
#[derive(Clone)]
pub(super) struct Bell(Arc<EventFd>);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, flags)?)))
    }

    /// Wakes the loop. A counter that is full has woken it already.
    pub(super) fn ring(&self) {
        let _ = self.0.write(1);
    }

    /// Makes it silent again.
    pub(super) fn hear(&self) {
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
