//! A vault in a keychain, as the loop sees it: opened without being asked to, tried again when somebody
//! needs it, and never waited for. Who asks while it is closed is told why.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use std::os::fd::OwnedFd;

use proto::control_lane::{ControlReport, LogLevel};
use proto::journal::{Event, Reason};
use proto::name::Backend;

use super::keeper::Keeper;
use super::recorder::Urgency;
use super::slow::{Job, Report};
use super::wake::Bell;
use crate::hazmat::binding::DepositId;
use crate::keychain::Helpers;
use crate::store::{NotLoaded, Unlocked};

/// Until a keychain that could not be opened is tried again for an ask.
const AGAIN: Duration = Duration::from_secs(1);
/// Until a cached value that a lease needs is looked at again.
const HELD: Duration = Duration::from_secs(5);

/// How far the vault is from being open.
pub(super) struct Opening {
    wish: Wish,
    attempt: Attempt,
    /// Of the last attempt.
    reason: Reason,
    /// When the launcher has not heard that this keeper is ready.
    announced: Announced,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Open,
    /// Somebody has locked it, and only `unlock` undoes that.
    Locked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    UnderWay,
    /// Not before then.
    Next(Instant),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Yes,
    No,
}

impl Opening {
    pub(super) fn new() -> Self {
        let attempt = Attempt::Next(Instant::now());
        Self { wish: Wish::Open, attempt, reason: Reason::VaultLocked, announced: Announced::No }
    }
}

/// What an ask does that finds no keys.
pub(super) enum Keyless {
    /// It waits: the keys are on their way.
    Wait,
    /// It is refused.
    Refuse(Reason),
}

impl Keeper {
    /// Whether values are in a keychain.
    pub(super) fn is_in_keychain(&self) -> bool {
        self.vault.backend == Some(Backend::Keychain)
    }

    /// Says that this keeper serves: in a broker, once its keychain was tried.
    pub(super) fn announce(&mut self) {
        if self.is_broker() && self.is_in_keychain() {
            return self.try_keychain();
        }
        self.ready();
    }

    /// Whether there are keys; if not, what becomes of who needs them.
    pub(super) fn keys_now(&mut self) -> Result<(), Keyless> {
        if self.vault.keys.is_some() { Ok(()) } else { Err(self.keyless()) }
    }

    fn keyless(&mut self) -> Keyless {
        if !self.is_in_keychain() || self.opening.wish == Wish::Locked {
            return Keyless::Refuse(Reason::VaultLocked);
        }
        match self.opening.attempt {
            Attempt::UnderWay => Keyless::Wait,
            Attempt::Next(due) if due <= Instant::now() => {
                self.try_keychain();
                Keyless::Wait
            }
            Attempt::Next(_) => Keyless::Refuse(self.opening.reason),
        }
    }

    /// What became of an attempt.
    pub(super) fn keychain_tried(&mut self, result: Result<Unlocked, NotLoaded>) {
        self.opening.attempt = Attempt::Next(Instant::now() + AGAIN);
        match result {
            // Opened by somebody else, or locked, in between.
            Ok(_) if self.vault.keys.is_some() || self.opening.wish == Wish::Locked => {}
            Ok(unlocked) => match self.take_keys(unlocked) {
                Ok(()) => drop(self.record(Self::event(Event::VaultUnlocked), Urgency::Soon)),
                Err(failure) => {
                    self.opening.reason = Reason::JournalUnavailable;
                    self.log(LogLevel::Error, &failure.what);
                }
            },
            Err(NotLoaded { reason, failure }) => {
                self.opening.reason = reason;
                self.log(LogLevel::Warn, &failure.what);
            }
        }
        self.ready();
        self.advance_parked();
    }

    /// Somebody wants it open, or locked.
    pub(super) fn wish_open(&mut self) {
        self.opening.wish = Wish::Open;
    }

    /// As above.
    pub(super) fn wish_locked(&mut self) {
        self.opening.wish = Wish::Locked;
    }

    /// What the slow-work thread needs of the launcher.
    pub(super) fn want_keychain(&mut self) {
        self.report(&ControlReport::KeychainWanted);
    }

    /// As above.
    pub(super) fn keychain_stuck(&mut self) {
        self.report(&ControlReport::KeychainStuck);
        self.log(LogLevel::Warn, "the keychain's helper did not answer in time, and is replaced");
        let _ = self.record(Self::event(Event::KeychainRestarted), Urgency::Soon);
    }

    /// Gives the slow-work thread what the last turn found wanting.
    pub(super) fn send_wanted(&mut self) {
        for deposit in self.vault.files.take_wanted() {
            match self.vault.of_deposit(deposit) {
                Some((row, version)) => {
                    let keys = self.vault.keys.clone();
                    self.slow.send(Job::Load { keys, row, version });
                }
                // Removed in between.
                None => self.vault.files.failed(deposit, Reason::VaultDamaged),
            }
        }
    }

    /// Lets go of values from the keychain whose time is over, unless a lease needs them: a value is
    /// fetched once a lease at most.
    pub(super) fn end_cached(&mut self) {
        let now = Instant::now();
        if self.vault.files.next_end().is_none_or(|end| now < end) {
            return;
        }
        let leases: Vec<_> =
            self.leases.iter().map(|lease| (lease.key.secret.clone(), lease.key.version)).collect();
        let mut held: BTreeMap<DepositId, Instant> = BTreeMap::new();
        for (handle, number) in leases {
            let row = self.vault.secrets.get(&handle);
            let version = row.and_then(|row| row.versions.iter().find(|version| version.version == number));
            held.extend(version.map(|version| (version.deposit, now + HELD)));
        }
        self.vault.files.end(now, &held);
    }

    fn try_keychain(&mut self) {
        self.opening.attempt = Attempt::UnderWay;
        self.slow.send(Job::OpenKeychain);
    }

    fn ready(&mut self) {
        if self.opening.announced == Announced::No {
            self.opening.announced = Announced::Yes;
            self.report(&ControlReport::Ready { locked: self.vault.keys.is_none() });
        }
    }
}

/// How the slow-work thread has the launcher bring helpers: by way of the loop.
pub(super) struct ByLoop {
    pub(super) outbox: Sender<Report>,
    pub(super) bell: Bell,
    pub(super) lanes: Receiver<OwnedFd>,
}

impl ByLoop {
    fn tell(&self, report: Report) {
        let _ = self.outbox.send(report);
        self.bell.ring();
    }
}

impl Helpers for ByLoop {
    fn fetch(&mut self, deadline: Instant) -> Option<OwnedFd> {
        // One that came too late for who wanted it.
        while self.lanes.try_recv().is_ok() {}
        self.tell(Report::KeychainWanted);
        self.lanes.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    fn stuck(&mut self) {
        self.tell(Report::KeychainStuck);
    }

    fn prompting(&mut self, secs: u64) {
        self.tell(Report::KeychainPrompt { secs });
    }
}
