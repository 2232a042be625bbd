//! The thread that speaks with the service, and those that the libraries for it need. All of them are
//! there before the filters are, and none starts to speak before it is asked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Builder;
use std::time::Duration;

use async_io::Timer;
use nix::sys::eventfd::{EfdFlags, EventFd};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::keychain_lane::{KeychainAnswer, KeychainRequest, Trouble};

use crate::service::Service;

/// What the reactor's thread is given to do first.
const FIRST: Duration = Duration::from_millis(1);
/// How long it may take to get there, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

type Question = (KeychainRequest, Option<SecretBytes>);
type Reply = (KeychainAnswer, Option<SecretBytes>);

/// The main thread's end of the worker.
pub(crate) struct Worker {
    questions: Sender<Question>,
    replies: Receiver<Reply>,
    bell: Arc<EventFd>,
}

impl Worker {
    /// Gives it something to do. It is done with one before the next is given.
    pub(crate) fn ask(&self, request: KeychainRequest, value: Option<SecretBytes>) {
        // Its thread ends only with the process.
        let _ = self.questions.send((request, value));
    }

    /// What has become of it, if it is done.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let _ = self.bell.read();
        self.replies.try_recv().ok()
    }
}

impl AsFd for Worker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// Starts all threads there will be.
pub(crate) fn start(bus: Result<UnixStream, Trouble>, collection: Option<String>) -> Result<Worker, Failure> {
    threads(bus, collection).map_err(|error| {
        Failure::new(
            FailureClass::Io,
            format!("keychaind cannot have its threads: {error}"),
            "raise the limits of this user (ulimit -a)",
        )
    })
}

fn threads(bus: Result<UnixStream, Trouble>, collection: Option<String>) -> io::Result<Worker> {
    start_reactor()?;
    let (driver, connections) = channel::<zbus::Connection>();
    thread("bus", move || {
        while let Ok(connection) = connections.recv() {
            drive(&connection);
        }
    })?;
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let bell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
    let ringer = Arc::clone(&bell);
    let (questions, inbox) = channel();
    let (outbox, replies) = channel();
    thread("service", move || work(bus, collection, &driver, &inbox, &outbox, &ringer))?;
    Ok(Worker { questions, replies, bell })
}

/// The first use of the reactor starts its thread, and this returns once that has done something: one
/// that only starts when the filters are there already is ended by the C library.
fn start_reactor() -> io::Result<()> {
    let (begun, begins) = channel();
    let waker = Waker::from(Arc::new(Begun(begun)));
    let mut timer = Timer::after(FIRST);
    match Pin::new(&mut timer).poll(&mut Context::from_waker(&waker)) {
        // Nobody but that thread looks at it from here on.
        Poll::Pending => begins.recv_timeout(PATIENCE).map_err(io::Error::other),
        Poll::Ready(_) => Err(io::Error::other("a timer was over before it began")),
    }
}

/// Tells of the thread that wakes it.
struct Begun(Sender<()>);

impl Wake for Begun {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// Reads and writes the bus's socket for as long as there is something to do on it.
fn drive(connection: &zbus::Connection) {
    async_io::block_on(async {
        loop {
            connection.executor().tick().await;
        }
    });
}

fn work(
    bus: Result<UnixStream, Trouble>,
    collection: Option<String>,
    driver: &Sender<zbus::Connection>,
    inbox: &Receiver<Question>,
    outbox: &Sender<Reply>,
    bell: &EventFd,
) {
    let mut bus = Some(bus);
    let mut collection = Some(collection);
    let mut service = Err(Trouble::NoBus);
    while let Ok((request, value)) = inbox.recv() {
        // The first question opens the session: by then this process is confined.
        if let (Some(bus), Some(collection)) = (bus.take(), collection.take()) {
            service = bus.and_then(|bus| Service::open(bus, collection, driver));
        }
        let reply = match &service {
            Ok(service) => service.answer(request, value),
            Err(trouble) => (KeychainAnswer::Failed(*trouble), None),
        };
        if outbox.send(reply).is_err() || bell.write(1).is_err() {
            return;
        }
    }
}

/// Starts a thread, and returns once its work has begun: the filters that come next have no rows for
/// what a thread does before that.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (begun, begins) = channel();
    Builder::new().name(name.to_owned()).spawn(move || {
        let _ = begun.send(());
        work();
    })?;
    begins.recv().map_err(io::Error::other)
}
