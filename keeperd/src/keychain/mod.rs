//! keeperd's end of the keychain: asks a helper, which others start and end, one thing after the other,
//! and never waits for longer than a deadline. Blocks, so it must never be called from the loop.
//!
//! The helper is believed nothing: whether a value is the one that was deposited is for `store/` to
//! say.

mod trouble;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use proto::hazmat::SecretBytes;
use proto::hello::LaneKind;
use proto::keychain_lane::{Item, KeychainAnswer, KeychainRequest, Listed, Shown, Trouble};
use unix::lane::{Descriptors, Lane, LaneError};

/// For one call, the start of a helper included.
const CALL: Duration = Duration::from_secs(5);
/// For the user to answer the desktop's question.
const PROMPT: Duration = Duration::from_secs(60);
/// After a question that was not answered with yes: until the next.
const NOT_AGAIN: Duration = Duration::from_secs(60);
/// After a call that was not answered: for so long, others are not tried.
const STUCK: Duration = Duration::from_secs(2);
/// A lane that was not used for longer may be at its end: its helper ends after two seconds.
const FRESH: Duration = Duration::from_secs(1);

/// Who brings helpers, and takes them away.
pub(crate) trait Helpers: Send {
    /// A lane to a new one.
    fn fetch(&mut self, deadline: Instant) -> Option<OwnedFd>;
    /// The last one is of no use any more.
    fn stuck(&mut self);
    /// The desktop is about to ask its user; this many seconds are waited for the answer.
    fn prompting(&mut self, secs: u64);
}

/// Brings none.
struct Nobody;

impl Helpers for Nobody {
    fn fetch(&mut self, _: Instant) -> Option<OwnedFd> {
        None
    }

    fn stuck(&mut self) {}

    fn prompting(&mut self, _: u64) {}
}

/// Whether a call waits until the user has answered the desktop's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompting {
    /// It does: there is nobody else to serve.
    Waits,
    /// It does not: whoever asked is told to come again.
    GoesOn,
}

/// Why a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The helper says so.
    Trouble(Trouble),
    /// The collection is locked, and the desktop's user is being asked.
    Asking,
    /// There was no answer in time.
    Stuck,
    /// The helper could not be started, or has ended.
    NoHelper,
}

/// The keychain.
pub(crate) struct Keychain {
    helpers: Box<dyn Helpers>,
    prompting: Prompting,
    lane: Option<Lane>,
    used: Instant,
    /// The helper was told to have the user asked, and has not answered: until when it may take.
    asking: Option<Instant>,
    ask_again: Option<Instant>,
    stuck_until: Option<Instant>,
}

impl Keychain {
    pub(crate) fn new(helpers: Box<dyn Helpers>, prompting: Prompting) -> Self {
        let used = Instant::now();
        Self { helpers, prompting, lane: None, used, asking: None, ask_again: None, stuck_until: None }
    }

    /// None that could be reached.
    pub(crate) fn none() -> Self {
        Self::new(Box::new(Nobody), Prompting::GoesOn)
    }

    /// An item's value.
    pub(crate) fn get(&mut self, item: Item) -> Result<SecretBytes, CallError> {
        match self.call(&KeychainRequest::Get(item), None)? {
            (KeychainAnswer::Got, Some(value)) => Ok(value),
            (other, _) => Err(self.breach(&other)),
        }
    }

    /// Sets an item.
    pub(crate) fn set(&mut self, item: Item, shown: Shown, value: SecretBytes) -> Result<(), CallError> {
        // While it is locked, a value would be on its way in vain, and there is only one of it.
        self.probe()?;
        match self.call(&KeychainRequest::Set { item, shown }, Some(value))? {
            (KeychainAnswer::Kept, _) => Ok(()),
            (other, _) => Err(self.breach(&other)),
        }
    }

    /// Removes an item.
    pub(crate) fn delete(&mut self, item: Item) -> Result<(), CallError> {
        match self.call(&KeychainRequest::Delete(item), None)? {
            (KeychainAnswer::Deleted, _) => Ok(()),
            (other, _) => Err(self.breach(&other)),
        }
    }

    /// All items of ours.
    pub(crate) fn list(&mut self) -> Result<Vec<Listed>, CallError> {
        let (mut all, mut seen) = (Vec::new(), 0);
        loop {
            match self.call(&KeychainRequest::List { seen }, None)? {
                (KeychainAnswer::Listed { items, more }, _) => {
                    all.extend(items);
                    match more {
                        None => return Ok(all),
                        Some(more) if more > seen => seen = more,
                        Some(_) => return Err(self.breach(&KeychainAnswer::Open)),
                    }
                }
                (other, _) => return Err(self.breach(&other)),
            }
        }
    }

    fn probe(&mut self) -> Result<(), CallError> {
        match self.call(&KeychainRequest::Probe, None)? {
            (KeychainAnswer::Open, _) => Ok(()),
            (other, _) => Err(self.breach(&other)),
        }
    }

    /// One question and its answer. A locked collection leads to one question to the user, and no
    /// second one while that is open or shortly after it was answered with no.
    fn call(
        &mut self,
        request: &KeychainRequest,
        mut value: Option<SecretBytes>,
    ) -> Result<(KeychainAnswer, Option<SecretBytes>), CallError> {
        self.hear_user()?;
        let answered = self.ask(request, value.take(), Instant::now() + CALL);
        match answered {
            Err(CallError::Trouble(Trouble::Locked)) => {}
            done => return done,
        }
        if self.ask_again.is_some_and(|again| Instant::now() < again) {
            return Err(CallError::Trouble(Trouble::Locked));
        }
        self.ask_user()?;
        // Nobody's value was taken by a collection that was locked; but it went with the question.
        match request {
            KeychainRequest::Set { .. } => Err(CallError::Trouble(Trouble::Locked)),
            KeychainRequest::Probe
            | KeychainRequest::Get(_)
            | KeychainRequest::Delete(_)
            | KeychainRequest::List { .. }
            | KeychainRequest::Unlock => self.ask(request, None, Instant::now() + CALL),
        }
    }

    /// Has the user asked; whether the collection is open after that, where this waits for it.
    fn ask_user(&mut self) -> Result<(), CallError> {
        self.helpers.prompting(PROMPT.as_secs());
        let until = Instant::now() + PROMPT;
        match self.prompting {
            Prompting::Waits => {
                let answered = self.ask(&KeychainRequest::Unlock, None, until).map(drop);
                if answered.is_err() {
                    self.ask_again = Some(Instant::now() + NOT_AGAIN);
                }
                answered
            }
            Prompting::GoesOn => {
                self.send(&KeychainRequest::Unlock, None, Instant::now() + CALL)?;
                self.asking = Some(until);
                Err(CallError::Asking)
            }
        }
    }

    /// Looks whether the user has answered by now.
    fn hear_user(&mut self) -> Result<(), CallError> {
        let Some(until) = self.asking else { return Ok(()) };
        let Some(lane) = &mut self.lane else {
            self.asking = None;
            return Ok(());
        };
        match lane.wait_for::<KeychainAnswer>(Instant::now() + Duration::from_millis(1)) {
            Err(LaneError::Deadline) if Instant::now() < until => return Err(CallError::Asking),
            Ok(parcel) if parcel.message == KeychainAnswer::Unlocked => self.used = Instant::now(),
            Ok(_) => self.ask_again = Some(Instant::now() + NOT_AGAIN),
            Err(_) => {
                self.ask_again = Some(Instant::now() + NOT_AGAIN);
                self.helpers.stuck();
            }
        }
        self.asking = None;
        // However long the user took, the helper may be about to end.
        self.lane = None;
        Ok(())
    }

    fn ask(
        &mut self,
        request: &KeychainRequest,
        value: Option<SecretBytes>,
        deadline: Instant,
    ) -> Result<(KeychainAnswer, Option<SecretBytes>), CallError> {
        self.send(request, value, deadline)?;
        let Some(lane) = &mut self.lane else { return Err(CallError::NoHelper) };
        let answered = lane.wait_for::<KeychainAnswer>(deadline);
        self.used = Instant::now();
        match answered {
            Ok(parcel) => match parcel.message {
                KeychainAnswer::Failed(trouble) => {
                    match trouble {
                        // A new session is to be begun, by a new helper; this one ends.
                        Trouble::NoBus | Trouble::NoService | Trouble::Refused => self.lane = None,
                        Trouble::NoCollection
                        | Trouble::Locked
                        | Trouble::NotUnlocked
                        | Trouble::Missing
                        | Trouble::Ambiguous
                        | Trouble::NoRoom => {}
                    }
                    Err(CallError::Trouble(trouble))
                }
                answer @ (KeychainAnswer::Open
                | KeychainAnswer::Got
                | KeychainAnswer::Kept
                | KeychainAnswer::Deleted
                | KeychainAnswer::Listed { .. }
                | KeychainAnswer::Unlocked) => Ok((answer, parcel.value)),
            },
            Err(error) => Err(self.broke(&error)),
        }
    }

    fn send(
        &mut self,
        request: &KeychainRequest,
        value: Option<SecretBytes>,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if self.stuck_until.is_some_and(|until| Instant::now() < until) {
            return Err(CallError::Stuck);
        }
        self.reach(deadline.min(Instant::now() + CALL))?;
        let Some(lane) = &mut self.lane else { return Err(CallError::NoHelper) };
        match lane.send(request, value, Vec::new(), deadline) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.broke(&error)),
        }
    }

    /// A lane whose helper lives.
    fn reach(&mut self, deadline: Instant) -> Result<(), CallError> {
        if self.used.elapsed() > FRESH {
            self.lane = None;
        }
        if self.lane.is_some() {
            return Ok(());
        }
        let fd = self.helpers.fetch(deadline).ok_or(CallError::NoHelper)?;
        let lane = Lane::new(UnixStream::from(fd), Descriptors::Refused);
        let mut lane = lane.map_err(|proto::hazmat::NoSlot| CallError::Trouble(Trouble::NoRoom))?;
        match lane.greet(LaneKind::Keychain, deadline) {
            Ok(()) => {
                self.used = Instant::now();
                self.lane = Some(lane);
                Ok(())
            }
            Err(error) => Err(self.broke(&error)),
        }
    }

    fn broke(&mut self, error: &LaneError) -> CallError {
        self.lane = None;
        match error {
            LaneError::Closed => CallError::NoHelper,
            LaneError::Deadline => {
                self.helpers.stuck();
                self.stuck_until = Some(Instant::now() + STUCK);
                CallError::Stuck
            }
            LaneError::Frame(_) | LaneError::Descriptors | LaneError::Hello | LaneError::Io(_) => {
                self.helpers.stuck();
                CallError::NoHelper
            }
        }
    }

    /// An answer to something else than was asked (INV-09).
    fn breach(&mut self, _: &KeychainAnswer) -> CallError {
        self.lane = None;
        self.helpers.stuck();
        CallError::NoHelper
    }
}
