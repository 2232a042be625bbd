//! The lease lane: asks keeperd, and hands each answer to the request that waits for it. The only
//! user of the lane; one lane a worker, so nothing here is shared between threads.
//!
//! Everything that is asked in one turn of the event loop leaves in one write.

mod overdue;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use crate::cut::Cut;
use crate::hazmat::rest;
use proto::control_lane::Scheme;
use proto::hazmat::SecretBytes;
use proto::lease_lane::{Caller, Ending, Inject, LeaseAnswer, LeaseRequest};
use proto::meta::{LeaseId, RecordSeq};
use proto::name::{Handle, Host, Method, ProviderId};
use proto::refusal::Refusal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use unix::lane::{Flushed, Lane, LaneError, Parcel, Received, Taken};

use overdue::Due;

/// How long the end of a request may wait for an ask to go with: it saves keeperd a turn for each
/// request, and nobody waits for it.
const ENDS_WAIT: Duration = Duration::from_millis(5);

/// What is known of keeperd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeeperState {
    /// It has not said yet.
    Silent,
    /// Asks will be refused.
    Locked,
    /// Asks will be judged.
    Unlocked,
    /// It owes an answer, and is not asked until it is heard again.
    Mute,
    /// The lane is gone, and will not come back to this process.
    Lost,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    /// Who.
    pub(crate) caller: Caller,
    /// From the path.
    pub(crate) provider: ProviderId,
    /// Of the request.
    pub(crate) method: Method,
    /// Behind the provider, without query.
    pub(crate) path: String,
    /// The secret the client named.
    pub(crate) secret: Option<Handle>,
    /// The ask this one repeats.
    pub(crate) retry_of: Option<u64>,
}

/// A value, and where it goes.
pub(crate) struct Opened {
    /// Under which lease.
    pub(crate) lease: LeaseId,
    /// Of the upstream.
    pub(crate) scheme: Scheme,
    /// Of the upstream.
    pub(crate) host: Host,
    /// Of the upstream.
    pub(crate) port: u16,
    /// Of the upstream, without query.
    pub(crate) path: String,
    /// Where in the head.
    pub(crate) inject: Inject,
    /// How soon keeperd must know of its end.
    pub(crate) ending: Ending,
    /// For one request; none where it is injected nowhere.
    pub(crate) value: Option<SecretBytes>,
}

/// What keeperd says when it gives no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What the client may be told.
    pub(crate) refusal: Refusal,
    /// The record that says why.
    pub(crate) record: Option<RecordSeq>,
    /// When the client may ask again, where that is known.
    pub(crate) retry_secs: Option<u32>,
}

/// What became of an ask.
pub(crate) enum Answer {
    /// It was granted.
    Opened(Box<Opened>),
    /// It was granted, and no locked memory was left for the value.
    NoRoom(LeaseId),
    /// It was not.
    Refused(Told),
    /// None came in time.
    Overdue,
    /// Whoever asked is gone.
    ClientGone,
}

/// Asks keeperd.
#[derive(Clone)]
pub(crate) struct Keeper(Rc<Shared>);

struct Shared {
    outbox: RefCell<Vec<(LeaseRequest, Option<SecretBytes>)>>,
    /// Whether something in it waits for an answer, or somebody for its end.
    is_asking: Cell<bool>,
    /// When the ends in it go out by themselves.
    ends_due: Cell<Option<Instant>>,
    waiting: RefCell<HashMap<u64, Waiting>>,
    /// The requests that are not over, by their asks: what they run under, and how they are cut.
    leased: RefCell<HashMap<u64, (LeaseId, Rc<Cut>)>>,
    last_seq: Cell<u64>,
    state: Cell<KeeperState>,
    bell: Notify,
    /// Rings for each ask.
    asked: Notify,
    /// Whether it owes an answer that was given up.
    mute: Cell<bool>,
    /// The probe that is not answered.
    look: Cell<Option<u64>>,
    /// Rings when it is.
    answered: Notify,
}

struct Waiting {
    answer: oneshot::Sender<Answer>,
    cut: Rc<Cut>,
    due: Due,
}

impl Keeper {
    /// A keeper nobody drives yet.
    pub(crate) fn new() -> Self {
        Self(Rc::new(Shared {
            outbox: RefCell::default(),
            is_asking: Cell::new(false),
            ends_due: Cell::new(None),
            waiting: RefCell::default(),
            leased: RefCell::default(),
            last_seq: Cell::new(0),
            state: Cell::new(KeeperState::Silent),
            bell: Notify::new(),
            asked: Notify::new(),
            mute: Cell::new(false),
            look: Cell::new(None),
            answered: Notify::new(),
        }))
    }

    /// What is known of keeperd.
    pub(crate) fn state(&self) -> KeeperState {
        match self.0.state.get() {
            state if state == KeeperState::Lost || !self.0.mute.get() => state,
            KeeperState::Silent
            | KeeperState::Locked
            | KeeperState::Unlocked
            | KeeperState::Mute
            | KeeperState::Lost => KeeperState::Mute,
        }
    }

    /// Puts an ask on the lane; `None` if the lane is gone, or keeperd does not answer. The receiver
    /// fails if it goes later. `cut` is what ends the request if its lease is taken back.
    pub(crate) fn ask_open(
        &self,
        ask: Ask,
        token: Option<SecretBytes>,
        cut: &Rc<Cut>,
    ) -> Option<(u64, oneshot::Receiver<Answer>)> {
        match self.state() {
            KeeperState::Lost | KeeperState::Mute => return None,
            KeeperState::Silent | KeeperState::Locked | KeeperState::Unlocked => {}
        }
        let seq = self.next_seq();
        let (answer, waiting) = oneshot::channel();
        self.0.waiting.borrow_mut().insert(seq, Waiting { answer, cut: Rc::clone(cut), due: Due::soon() });
        self.0.asked.notify_one();
        let Ask { caller, provider, method, path, secret, retry_of } = ask;
        let open = LeaseRequest::Open { seq, caller, provider, method, path, secret, retry_of };
        self.put(open, token);
        Some((seq, waiting))
    }

    /// Puts the end of a request on the lane, at once or when keeperd can do without, also of one that waits for its answer.
    pub(crate) fn close(&self, close: LeaseRequest, ending: Ending) {
        if let LeaseRequest::Close { seq, .. } = &close {
            self.0.waiting.borrow_mut().remove(seq);
            self.0.leased.borrow_mut().remove(seq);
        }
        match (self.state(), ending) {
            (KeeperState::Lost, _) => {}
            (_, Ending::AtOnce) => self.put(close, None),
            (_, Ending::Soon) => self.put_later(close),
        }
    }

    /// Moves frames until the lane breaks; says why. Asks that wait then fail, and later ones too.
    pub(crate) async fn drive(&self, lane: Lane) -> LaneError {
        let broken = tokio::select! {
            broken = self.exchange(lane) => broken,
            () = self.keep_watch() => LaneError::Closed,
        };
        self.0.state.set(KeeperState::Lost);
        self.0.waiting.borrow_mut().clear();
        self.0.leased.borrow_mut().clear();
        self.0.outbox.borrow_mut().clear();
        broken
    }

    fn next_seq(&self) -> u64 {
        let seq = self.0.last_seq.get() + 1;
        self.0.last_seq.set(seq);
        seq
    }

    fn put(&self, request: LeaseRequest, token: Option<SecretBytes>) {
        self.0.outbox.borrow_mut().push((request, token));
        self.0.is_asking.set(true);
        self.0.bell.notify_one();
    }

    /// Puts the end of a request there, to go with the next ask or in a moment.
    fn put_later(&self, close: LeaseRequest) {
        self.0.outbox.borrow_mut().push((close, None));
        if self.0.ends_due.get().is_none() {
            self.0.ends_due.set(Some(Instant::now() + ENDS_WAIT));
            self.0.bell.notify_one();
        }
    }

    /// Returns when nothing waits to be handed over any more: before a worker ends.
    pub(crate) async fn handed_over(&self) {
        self.0.is_asking.set(true);
        self.0.bell.notify_one();
        while self.state() != KeeperState::Lost && !self.0.outbox.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    async fn exchange(&self, mut lane: Lane) -> LaneError {
        let incoming = match watch(&lane, Interest::READABLE) {
            Ok(incoming) => incoming,
            Err(error) => return LaneError::Io(error),
        };
        // What came behind the greeting is already in the lane's buffer.
        if let Err(error) = self.deliver(&mut lane) {
            return error;
        }
        loop {
            let ends_due = self.0.ends_due.get();
            let mut flushed = Flushed::All;
            if self.0.is_asking.get()
                || ends_due.is_some_and(|due| due <= Instant::now())
                || !lane.is_flushed()
            {
                flushed = match self.hand_over(&mut lane) {
                    Ok(flushed) => flushed,
                    Err(error) => return error,
                };
            }
            let ends_due = self.0.ends_due.get();
            tokio::select! {
                ready = incoming.readable() => {
                    let mut ready = match ready {
                        Ok(ready) => ready,
                        Err(error) => return LaneError::Io(error),
                    };
                    match lane.receive() {
                        // There may be more, of which the event loop would not tell again.
                        Ok(Received::Bytes) => {}
                        Ok(Received::Last | Received::Nothing) => ready.clear_ready(),
                        Ok(Received::Closed) => return LaneError::Closed,
                        Err(error) => return error,
                    }
                    drop(ready);
                    if let Err(error) = self.deliver(&mut lane) {
                        return error;
                    }
                }
                () = self.0.bell.notified() => {}
                () = at(ends_due), if ends_due.is_some() => {}
                room = room(&lane), if flushed == Flushed::Blocked => {
                    if let Err(error) = room {
                        return LaneError::Io(error);
                    }
                }
            }
        }
    }

    fn hand_over(&self, lane: &mut Lane) -> Result<Flushed, LaneError> {
        self.0.is_asking.set(false);
        self.0.ends_due.set(None);
        for (message, value) in self.0.outbox.borrow_mut().drain(..) {
            lane.push(&message, value)?;
        }
        lane.flush()
    }

    fn deliver(&self, lane: &mut Lane) -> Result<(), LaneError> {
        while let Some(taken) = lane.take_any::<LeaseAnswer>()? {
            let (message, value) = match taken {
                Taken::Whole(Parcel { message, value, fds: _ }) => (message, value),
                Taken::NoRoom(message) => (message, None),
            };
            self.hear();
            match message {
                LeaseAnswer::Waiting { seq, at_most_ms } => {
                    if let Some(waiting) = self.0.waiting.borrow_mut().get_mut(&seq) {
                        waiting.due = Due::by_person(at_most_ms);
                    }
                }
                LeaseAnswer::Probed { seq } => self.probed(seq),
                LeaseAnswer::State { locked: true } => self.0.state.set(KeeperState::Locked),
                LeaseAnswer::State { locked: false } => self.0.state.set(KeeperState::Unlocked),
                LeaseAnswer::Cut { lease } => self.cut(lease),
                LeaseAnswer::Refused { seq, refusal, record, retry_secs } => {
                    self.answer(seq, Answer::Refused(Told { refusal, record, retry_secs }));
                }
                LeaseAnswer::Opened { seq, lease, scheme, host, port, path, inject, ending, ttl_ms: _ } => {
                    rest::owe();
                    self.lease(seq, lease);
                    let answer = match (&inject, &value) {
                        // Where there is a place for it, it never comes without one: there was no room.
                        (Inject::Header { .. } | Inject::Query { .. }, None) => Answer::NoRoom(lease),
                        (Inject::Header { .. } | Inject::Query { .. } | Inject::Nothing, _) => {
                            let opened = Opened { lease, scheme, host, port, path, inject, ending, value };
                            Answer::Opened(Box::new(opened))
                        }
                    };
                    self.answer(seq, answer);
                }
            }
        }
        Ok(())
    }

    /// At once, not when the request takes its answer: a cut may come right behind it.
    fn lease(&self, seq: u64, lease: LeaseId) {
        if let Some(waiting) = self.0.waiting.borrow().get(&seq) {
            self.0.leased.borrow_mut().insert(seq, (lease, Rc::clone(&waiting.cut)));
        }
    }

    fn cut(&self, revoked: LeaseId) {
        for (seq, (lease, cut)) in self.0.leased.borrow().iter() {
            if *lease == revoked {
                cut.end(*seq);
            }
        }
    }

    /// An answer nobody waits for crossed a Close on its way; its value is wiped here.
    fn answer(&self, seq: u64, answer: Answer) {
        if let Some(waiting) = self.0.waiting.borrow_mut().remove(&seq) {
            let _ = waiting.answer.send(answer);
        }
    }
}

/// Tells when that is so of the lane's socket, by a descriptor of its own. The lane moves the bytes.
/// Only what is asked for wakes: a socket that is also watched for room wakes the worker whenever
/// keeperd has read something.
#[expect(deprecated, reason = "unsound only where the descriptor can change, which a std stream's cannot")]
fn watch(lane: &Lane, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(lane.socket().try_clone()?, interest)
}

/// Returns when the lane's socket takes more.
async fn room(lane: &Lane) -> io::Result<()> {
    watch(lane, Interest::WRITABLE)?.writable().await.map(drop)
}

async fn at(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due).await;
    }
}
