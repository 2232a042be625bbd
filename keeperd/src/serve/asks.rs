//! An ask on its way to a lease and a release. It may stay open across many turns: each time
//! something it waited for has happened, it is judged anew from the start.

use proto::control_lane::{LogLevel, Scheme};
use proto::journal::{Event, Outcome, Reason, Record};
use proto::lease_lane::{Inject, LeaseAnswer};
use proto::meta::{LeaseId, RecordSeq};
use proto::name::{Delivery, Host, RouteName};
use proto::refusal::Refusal;

use super::keeper::{After, Keeper};
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::vault::Opening;
use crate::clock::{Moment, wall};
use crate::policy::judge::{Ask, Granted, Verdict, judge};
use crate::policy::lease_book::{Lease, LeaseKey};

/// Most asks that may wait at once.
const PARKED_MAX: usize = 4096;

/// An ask of egressd that has a consumer and a route, and no answer yet.
pub(super) struct PendingAsk {
    pub(super) lane: LaneId,
    pub(super) seq: u64,
    pub(super) ask: Ask,
    pub(super) from: From,
    pub(super) route: RouteName,
    pub(super) to: Target,
}

/// The client's process, as egressd saw it.
#[derive(Clone, Copy, Default)]
pub(super) struct From {
    pub(super) uid: Option<u32>,
    pub(super) pid: Option<u32>,
}

/// Where its request goes.
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) inject: Inject,
}

/// A release whose request is not over.
pub(super) struct Release {
    lease: LeaseId,
    key: LeaseKey,
    route: RouteName,
    from: From,
}

/// What became of a request.
pub(super) struct Closing {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) bytes_in: Option<u64>,
    pub(super) bytes_out: Option<u64>,
    pub(super) ms: Option<u64>,
}

impl Keeper {
    /// Takes an ask as far as it gets: to a release, a refusal, or to waiting.
    pub(super) fn advance(&mut self, pending: PendingAsk) {
        if self.vault.keys.is_none() {
            return self.deny(&pending, Reason::VaultLocked);
        }
        let granted = match judge(&self.policy.grants, |handle| self.vault.candidate(handle), &pending.ask) {
            Verdict::Grant(granted) => granted,
            Verdict::Deny(reason) => return self.deny(&pending, reason),
        };
        let key = LeaseKey::new(&granted, &pending.ask);
        let lease = match self.leases.find(&key, Moment::now()) {
            Some(lease) => lease.clone(),
            None => match self.issue(key, &granted, &pending) {
                Some(lease) => lease,
                None => return self.deny(&pending, Reason::JournalUnavailable),
            },
        };
        // INV-04: the lease's record is on disk before anything leaves under it.
        let Some(receipt) = self.recorder.receipt(lease.issued) else {
            return self.park(pending);
        };
        match self.vault.open(&granted, receipt) {
            Opening::Open(value) => self.release(pending, &lease, value),
            Opening::Pending => self.park(pending),
            Opening::Locked => self.deny(&pending, Reason::VaultLocked),
            Opening::NoSlot => self.deny(&pending, Reason::Busy),
            Opening::Damaged => {
                let what = format!("the sealed value of {} is missing or damaged", granted.secret);
                self.log(LogLevel::Error, &what);
                self.deny(&pending, Reason::VaultDamaged);
            }
        }
    }

    /// Tries all waiting asks again.
    pub(super) fn advance_parked(&mut self) {
        for pending in std::mem::take(&mut self.parked) {
            self.advance(pending);
        }
    }

    /// Refuses, with a record of why.
    pub(super) fn deny(&mut self, pending: &PendingAsk, reason: Reason) {
        let mut record = Self::event(Event::LeaseDenied);
        record.consumer = Some(pending.ask.consumer.clone());
        record.purpose = Some(pending.ask.purpose.clone());
        record.delivery = Some(pending.ask.delivery);
        record.host = Some(pending.ask.host.clone());
        record.secret.clone_from(&pending.ask.named);
        record.route = Some(pending.route.clone());
        record.uid = pending.from.uid;
        record.pid = pending.from.pid;
        self.refuse(pending.lane, pending.seq, record, reason);
    }

    /// Refuses with a record that is filled in but for the reason.
    pub(super) fn refuse(&mut self, lane: LaneId, seq: u64, mut record: Record, reason: Reason) {
        record.reason = Some(reason);
        let record = self.record(record, Urgency::Soon).ok();
        let answer = LeaseAnswer::Refused { seq, refusal: told(reason), record };
        self.after.push(After::Refuse { lane, answer });
    }

    /// The use could not be recorded, so it does not happen.
    pub(super) fn refuse_unrecorded(&mut self, lane: LaneId, seq: u64) {
        self.releases.remove(&(lane, seq));
        let refusal = Refusal::JournalUnavailable;
        self.push_lease(lane, &LeaseAnswer::Refused { seq, refusal, record: None }, None);
    }

    /// Nothing of this turn was recorded: leases issued in it never were, and who waits for them
    /// is refused.
    pub(super) fn unrecorded(&mut self, what: &str) {
        self.log(LogLevel::Error, &format!("the journal cannot be written, so nothing is released: {what}"));
        let written = self.recorder.written();
        drop(self.leases.end_where(|lease| lease.issued > written));
        for pending in std::mem::take(&mut self.parked) {
            self.refuse_unrecorded(pending.lane, pending.seq);
        }
    }

    /// The request of an ask is over.
    pub(super) fn close(&mut self, lane: LaneId, seq: u64, closing: &Closing) {
        let Some(release) = self.releases.remove(&(lane, seq)) else {
            // Not answered yet: withdrawn. Refused already: nothing is left to close.
            self.parked.retain(|pending| (pending.lane, pending.seq) != (lane, seq));
            return;
        };
        let mut record = of_release(Event::ReleaseClosed, &release);
        record.outcome = Some(closing.outcome);
        record.status = closing.status;
        record.bytes_in = closing.bytes_in;
        record.bytes_out = closing.bytes_out;
        record.ms = closing.ms;
        // Nothing waits for it, and it cannot be told to anybody that it is not there.
        let _ = self.record(record, Urgency::Soon);
    }

    /// A worker of egressd is gone: so are its asks, and nobody knows how its requests ended.
    pub(super) fn egress_gone(&mut self, lane: LaneId) {
        self.parked.retain(|pending| pending.lane != lane);
        let open: Vec<u64> = self.releases.keys().filter(|key| key.0 == lane).map(|key| key.1).collect();
        for seq in open {
            let outcome = Outcome::Unknown;
            let closing = Closing { outcome, status: None, bytes_in: None, bytes_out: None, ms: None };
            self.close(lane, seq, &closing);
        }
    }

    fn issue(&mut self, key: LeaseKey, granted: &Granted, pending: &PendingAsk) -> Option<Lease> {
        self.end_expired();
        let mut id = [0; 8];
        getrandom::fill(&mut id).ok()?;
        let now = Moment::now();
        let mut lease = Lease {
            id: LeaseId(u64::from_le_bytes(id)),
            key,
            route: pending.route.clone(),
            expires: now.after(granted.ttl),
            issued: RecordSeq(0),
        };
        let mut record = of_lease(Event::LeaseIssued, &lease);
        record.uid = pending.from.uid;
        record.pid = pending.from.pid;
        lease.issued = self.record(record, Urgency::Now).ok()?;
        self.leases.enter(lease.clone());
        Some(lease)
    }

    fn release(&mut self, pending: PendingAsk, lease: &Lease, value: proto::hazmat::SecretBytes) {
        let release = Release {
            lease: lease.id,
            key: lease.key.clone(),
            route: pending.route.clone(),
            from: pending.from,
        };
        // INV-04: this use is appended before the value leaves; `settle` sees to the order.
        if self.record(of_release(Event::LeaseUsed, &release), Urgency::Soon).is_err() {
            return self.deny(&pending, Reason::JournalUnavailable);
        }
        self.vault.note_use(&lease.key.secret, wall());
        let left = lease.left(Moment::now()).as_millis();
        let answer = LeaseAnswer::Opened {
            seq: pending.seq,
            lease: lease.id,
            scheme: pending.to.scheme,
            host: pending.to.host,
            port: pending.to.port,
            path: pending.to.path,
            inject: pending.to.inject,
            ttl_ms: u64::try_from(left).unwrap_or(u64::MAX),
        };
        self.releases.insert((pending.lane, pending.seq), release);
        self.after.push(After::Release { lane: pending.lane, seq: pending.seq, answer, value });
    }

    fn park(&mut self, pending: PendingAsk) {
        if self.parked.len() < PARKED_MAX {
            self.parked.push(pending);
        } else {
            self.deny(&pending, Reason::Busy);
        }
    }
}

/// A record about a lease.
pub(super) fn of_lease(event: Event, lease: &Lease) -> Record {
    let mut record = Record::of(event, wall());
    fill(&mut record, &lease.key);
    record.route = Some(lease.route.clone());
    record.lease = Some(lease.id);
    record
}

fn of_release(event: Event, release: &Release) -> Record {
    let mut record = Record::of(event, wall());
    fill(&mut record, &release.key);
    record.route = Some(release.route.clone());
    record.lease = Some(release.lease);
    record.uid = release.from.uid;
    record.pid = release.from.pid;
    record
}

fn fill(record: &mut Record, key: &LeaseKey) {
    record.secret = Some(key.secret.clone());
    record.version = Some(key.version);
    record.consumer = Some(key.consumer.clone());
    record.purpose = Some(key.purpose.clone());
    record.delivery = Some(key.delivery);
    record.host = match key.delivery {
        Delivery::HttpHeaderInject => Some(key.host.clone()),
        Delivery::Native | Delivery::EnvInject => None,
    };
}

/// What a peer is told for a reason: less than the journal.
const fn told(reason: Reason) -> Refusal {
    match reason {
        Reason::InvalidToken => Refusal::InvalidToken,
        Reason::UnknownRoute => Refusal::UnknownRoute,
        Reason::ValueNotInjectable => Refusal::ValueNotInjectable,
        Reason::VaultLocked => Refusal::VaultLocked,
        Reason::JournalUnavailable => Refusal::JournalUnavailable,
        Reason::Busy => Refusal::Busy,
        Reason::VaultDamaged => Refusal::KeeperUnavailable,
        Reason::GrantsMissing
        | Reason::GrantsUnusable
        | Reason::NotGranted
        | Reason::NoSecret
        | Reason::WrongPassphrase
        | Reason::Expired
        | Reason::GrantChanged
        | Reason::SecretRotated
        | Reason::SecretRemoved
        | Reason::ProviderChanged
        | Reason::Shutdown => Refusal::NotGranted,
    }
}
