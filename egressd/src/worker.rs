//! One worker: a thread with its own event loop, lease lane, resolver and upstream connections.
//! Workers share nothing that changes but the phase they are in.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use proto::clients::ClientRules;
use proto::control_lane::LogLevel;
use tokio::sync::watch;
use tokio::task::LocalSet;
use unix::lane::Lane;

use crate::confine::Confined;
use crate::gate::clients::{self, Listener};
use crate::gate::seats::Seats;
use crate::gate::wire::Limits;
use crate::hazmat::rest;
use crate::keeper::Keeper;
use crate::log::{Log, WorkerEnd};
use crate::prepare::Outside;
use crate::upstream::Upstream;

/// A worker's stack: deep enough for a TLS handshake, small enough to have many.
const STACK: usize = 512 * 1024;
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
    /// Places for its clients.
    pub(crate) seats: Rc<Seats>,
    /// How long they may take.
    pub(crate) limits: Limits,
    /// What else holds for them.
    pub(crate) clients: Arc<ClientRules>,
}

/// What a worker's thread is started with.
pub(crate) struct Seat {
    /// Its own descriptors of the listeners.
    pub(crate) listeners: Vec<Listener>,
    /// The same for all.
    pub(crate) outside: Arc<Outside>,
    /// The same for all.
    pub(crate) clients: Arc<ClientRules>,
    /// How many share what clients may take up.
    pub(crate) workers: usize,
    /// To the main thread.
    pub(crate) log: Log,
    /// Set by the main thread.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// A worker that has all it needs but leave to serve.
pub(crate) struct Waiting(Sender<Begin>);

struct Begin {
    lane: Lane,
    /// Only a confined process serves (INV-08).
    _confined: Arc<Confined>,
}

/// Starts a worker's thread, and returns once it waits: its event loop is made by then, since the
/// filters that come next do not let it.
pub(crate) fn start(number: usize, seat: Seat) -> io::Result<Waiting> {
    let (door, opens) = mpsc::channel();
    let (made, ready) = mpsc::channel();
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .stack_size(STACK)
        .spawn(move || run(seat, &made, &opens))?;
    ready.recv().map_err(io::Error::other)??;
    Ok(Waiting(door))
}

impl Waiting {
    /// Lets it serve with that lane, which was greeted already and does not block.
    pub(crate) fn begin(self, lane: Lane, confined: Arc<Confined>) {
        // It waits for nothing else, so it is there.
        let _ = self.0.send(Begin { lane, _confined: confined });
    }
}

/// Serves until drained, or until keeperd is gone.
fn run(seat: Seat, made: &Sender<io::Result<()>>, opens: &Receiver<Begin>) {
    let log = seat.log.clone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(rest::before_sleep).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = made.send(Err(error));
            return;
        }
    };
    let _ = made.send(Ok(()));
    let Ok(Begin { lane, .. }) = opens.recv() else { return };
    log.end(LocalSet::new().block_on(&runtime, serve(seat, lane)));
}

async fn serve(seat: Seat, lane: Lane) -> WorkerEnd {
    let Seat { listeners, outside, clients, workers, log, phase } = seat;
    let keeper = Keeper::new();
    let worker = Rc::new(Worker {
        keeper: keeper.clone(),
        upstream: Upstream::new(outside),
        log: log.clone(),
        phase: phase.clone(),
        seats: Rc::new(Seats::new(share(clients.connections, workers), share(clients.of_one_user, workers))),
        limits: Limits::of(&clients),
        clients,
    });
    let driver = tokio::task::spawn_local(async move { keeper.drive(lane).await });
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
            let _ = tokio::time::timeout(LAST_WORDS, worker.seats.empty()).await;
            WorkerEnd::KeeperLost
        }
        () = async {
            let _ = told.wait_for(|phase| *phase == Phase::Draining).await;
            worker.seats.empty().await;
            worker.keeper.handed_over().await;
        } => WorkerEnd::Drained,
    }
}

/// One worker's part, rounded up: it knows nothing of what the others have.
fn share(all: u32, workers: usize) -> usize {
    usize::try_from(all).unwrap_or(usize::MAX).div_ceil(workers.max(1))
}
