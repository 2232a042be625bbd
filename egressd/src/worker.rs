//! One worker: a thread with its own event loop, lease lane, resolver and upstream connections.
//! Workers share nothing that changes but the phase they are in.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proto::control_lane::LogLevel;
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};
use tokio::task::LocalSet;
use unix::lane::Lane;

use crate::confine::Confined;
use crate::gate::clients::{self, Listener};
use crate::keeper::Keeper;
use crate::log::{Log, WorkerEnd};
use crate::prepare::Outside;
use crate::upstream::Upstream;

/// How long answers may take to be written once keeperd is gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Whether new connections are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They are.
    Serving,
    /// What is in flight is finished, and nothing begun.
    Draining,
}

/// What the requests of one worker share.
pub(crate) struct Worker {
    /// Asks for values.
    pub(crate) keeper: Keeper,
    /// Reaches providers.
    pub(crate) upstream: Upstream,
    /// To the main thread.
    pub(crate) log: Log,
    /// Set by the main thread.
    pub(crate) phase: watch::Receiver<Phase>,
    /// Connections being served.
    pub(crate) clients: Cell<usize>,
    /// Rings when a connection ends.
    pub(crate) left: Notify,
}

/// What a worker's thread is started with.
pub(crate) struct Seat {
    /// Greeted already, and nonblocking.
    pub(crate) lane: Lane,
    /// Its own descriptors of the listeners.
    pub(crate) listeners: Vec<Listener>,
    /// The same for all.
    pub(crate) outside: Arc<Outside>,
    /// To the main thread.
    pub(crate) log: Log,
    /// Set by the main thread.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Serves until drained, or until keeperd is gone. Only a confined process may (INV-08).
pub(crate) fn run(seat: Seat, _: &Confined) {
    let log = seat.log.clone();
    let end = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => LocalSet::new().block_on(&runtime, serve(seat)),
        Err(error) => {
            log.line(LogLevel::Error, || format!("a worker could not start: {error}"));
            WorkerEnd::Unable
        }
    };
    log.end(end);
}

async fn serve(seat: Seat) -> WorkerEnd {
    let Seat { lane, listeners, outside, log, phase } = seat;
    let watch = match lane.socket().try_clone().and_then(UnixStream::from_std) {
        Ok(watch) => watch,
        Err(error) => {
            log.line(LogLevel::Error, || format!("a lease lane cannot be polled: {error}"));
            return WorkerEnd::Unable;
        }
    };
    let keeper = Keeper::new();
    let worker = Rc::new(Worker {
        keeper: keeper.clone(),
        upstream: Upstream::new(outside),
        log: log.clone(),
        phase: phase.clone(),
        clients: Cell::new(0),
        left: Notify::new(),
    });
    let driver = tokio::task::spawn_local(async move { keeper.drive(lane, watch).await });
    for listener in listeners {
        let worker = Rc::clone(&worker);
        tokio::task::spawn_local(async move {
            if let Err(error) = clients::accept(listener, Rc::clone(&worker)).await {
                worker.log.line(LogLevel::Error, || format!("a listener cannot be polled: {error}"));
            }
        });
    }
    let mut told = phase;
    tokio::select! {
        broken = driver => {
            if let Ok(error) = broken {
                log.line(LogLevel::Error, || format!("keeperd's lane is gone: {error}"));
            }
            // Asks that waited have just failed; let their refusals be written.
            let _ = tokio::time::timeout(LAST_WORDS, empty(&worker)).await;
            WorkerEnd::KeeperLost
        }
        () = async {
            let _ = told.wait_for(|phase| *phase == Phase::Draining).await;
            empty(&worker).await;
        } => WorkerEnd::Drained,
    }
}

/// Waits until no connection is left.
async fn empty(worker: &Worker) {
    while worker.clients.get() > 0 {
        worker.left.notified().await;
    }
}
