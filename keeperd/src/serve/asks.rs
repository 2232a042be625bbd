//! An ask on its way to a lease and a release. It may stay open across many turns: each time
//! something it waited for has happened, it is judged anew from the start.

use std::time::{Duration, Instant};

use proto::control_lane::{LogLevel, Scheme};
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Outcome, Reason, Record};
use proto::lease_lane::{Caller, Ending, Inject, LeaseAnswer, PATH_MAX};
use proto::meta::{LeaseId, RecordSeq};
use proto::name::{Consumer, Delivery, Handle, Method, ProviderId, RouteName};
use proto::refusal::Refusal;

use super::approvals::Approval;
use super::flood::{Bucket, Counted};
use super::keeper::{After, Keeper};
use super::keychain::Keyless;
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::vault::Opening;
use crate::clock::{Moment, wall};
use crate::hazmat::injectable::{Injectable, is_queryable};
use crate::hazmat::token::TokenDigest;
use crate::policy::grants::Limits;
use crate::policy::judge::{Ask, Candidate, Granted, Verdict, judge};
use crate::policy::lease_book::{Lease, LeaseKey};

/// Most asks that may wait at once.
const PARKED_MAX: usize = 4096;
/// Most releases whose requests are not over: more than all workers of an egressd may have at once,
/// so only one that lies comes here (INV-09).
const RELEASES_MAX: usize = 16 * 1024;

/// An ask of egressd without an answer yet: what was asked, and nothing that was decided, since
/// that is decided anew each time.
pub(super) struct PendingAsk {
    pub(super) lane: LaneId,
    pub(super) seq: u64,
    pub(super) caller: Caller,
    pub(super) token: Presented,
    pub(super) provider: ProviderId,
    pub(super) method: Method,
    pub(super) path: String,
    /// The secret the client named, if it did.
    pub(super) named: Option<Handle>,
    /// The ask it repeats, as egressd says.
    pub(super) retry_of: Option<u64>,
    /// When it has waited long enough for a person, if it waits for one.
    pub(super) until: Option<Moment>,
}

/// What a client presented for a token.
pub(super) enum Presented {
    Nothing,
    /// Too long to be one.
    Nonsense,
    Token(TokenDigest),
}

/// The client's process, as egressd saw it.
#[derive(Clone, Copy)]
pub(super) struct From {
    pub(super) uid: Option<u32>,
    pub(super) pid: Option<u32>,
}

impl From {
    pub(super) fn of(caller: Caller) -> Self {
        match caller {
            Caller::Tcp => Self { uid: None, pid: None },
            Caller::Unix { uid, pid } => Self { uid: Some(uid), pid: Some(pid).filter(|pid| *pid != 0) },
        }
    }
}

/// An ask with a consumer and a route: what is judged, and where the request goes.
pub(super) struct Routed {
    ask: Ask,
    pub(super) route: RouteName,
    to: Target,
}

/// Where its request goes.
struct Target {
    scheme: Scheme,
    port: u16,
    path: String,
    inject: Inject,
}

/// A release whose request is not over.
pub(super) struct Release {
    pub(super) lease: LeaseId,
    pub(super) key: LeaseKey,
    /// Of this use.
    pub(super) record: RecordSeq,
    route: RouteName,
    from: From,
}

impl Release {
    /// Whether another may be the same request once more.
    pub(super) fn is_repeated_by(&self, again: &Self) -> bool {
        (&self.key.consumer, &self.route) == (&again.key.consumer, &again.route)
    }
}

/// What became of a request.
pub(super) struct Closing {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) bytes_in: Option<u64>,
    pub(super) bytes_out: Option<u64>,
    pub(super) ms: Option<u64>,
    pub(super) response: Response,
}

/// What was in the response, as egressd says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// Nothing of note, or nobody knows.
    Clean,
    /// The value itself.
    Echoed,
}

impl Keeper {
    /// Takes an ask as far as it gets: to a release, a refusal, or to waiting.
    pub(super) fn advance(&mut self, pending: PendingAsk) {
        let routed = match self.route(&pending) {
            Ok(routed) => routed,
            Err(refused) => {
                let (record, reason) = *refused;
                return self.refuse(pending.lane, pending.seq, record, reason);
            }
        };
        match self.keys_now() {
            Ok(()) => {}
            Err(Keyless::Wait) => return self.park(pending, &routed),
            Err(Keyless::Refuse(reason)) => return self.deny(&pending, &routed, reason),
        }
        let candidate = |handle: &Handle| self.candidate(handle);
        let granted = match judge(&self.policy.grants, candidate, &routed.ask, wall()) {
            Verdict::Grant(granted) => granted,
            Verdict::Deny(reason) => return self.deny(&pending, &routed, reason),
        };
        if let Err(wait) = self.uses.has_room(granted.grant, granted.limits, Moment::now()) {
            return self.deny_for_now(&pending, &routed, wait);
        }
        if self.releases.len() >= RELEASES_MAX {
            return self.deny(&pending, &routed, Reason::Busy);
        }
        let key = LeaseKey::new(&granted, &routed.ask);
        let from = From::of(pending.caller);
        let from = (from.uid, from.pid);
        let lease = match self.leases.find(&key, Moment::now()) {
            Some(lease) => lease.clone(),
            None => {
                if let Some(approving) = granted.approving
                    && !self.approvals.is_given(&key)
                {
                    return self.wait_for_person(pending, &routed, key, (&granted, approving));
                }
                match self.issue(key, &granted, Some(routed.route.clone()), from) {
                    Some(lease) => lease,
                    None => return self.deny(&pending, &routed, Reason::JournalUnavailable),
                }
            }
        };
        // INV-04: the lease's record is on disk before anything leaves under it.
        let Some(receipt) = self.recorder.receipt(lease.issued) else {
            return self.park(pending, &routed);
        };
        if routed.to.inject == Inject::Nothing {
            return self.release(&pending, routed, &lease, granted.limits, None);
        }
        match self.vault.open(&granted, receipt) {
            Opening::Open(value) if !is_fit(&value, &routed.to.inject) => {
                self.deny(&pending, &routed, Reason::ValueNotInjectable);
            }
            Opening::Open(value) => self.release(&pending, routed, &lease, granted.limits, Some(value)),
            Opening::Pending => self.park(pending, &routed),
            Opening::Locked => self.deny(&pending, &routed, Reason::VaultLocked),
            Opening::NoSlot => self.deny(&pending, &routed, Reason::Busy),
            Opening::Failed(reason) => {
                let what = format!("the value of {} is not to be had: {reason}", granted.secret);
                self.log(LogLevel::Error, &what);
                self.deny(&pending, &routed, reason);
            }
        }
    }

    /// What judging must know of a secret; or of the name of a provider that takes none.
    pub(super) fn candidate(&self, handle: &Handle) -> Option<Candidate> {
        let without = || {
            let provider = self.policy.providers.without_secret(handle)?.transport.provider.clone();
            Some(Candidate { provider, version: 0, injectable: Injectable::Yes, expired: false })
        };
        self.vault.candidate(handle).or_else(without)
    }

    /// Who asks, for what, and where to; or the record that says why there is no such thing.
    pub(super) fn route(&self, pending: &PendingAsk) -> Result<Routed, Box<(Record, Reason)>> {
        let denied = |consumer: Option<Consumer>| {
            let from = From::of(pending.caller);
            let mut record = Record::of(Event::LeaseDenied, wall());
            record.delivery = Some(Delivery::HttpHeaderInject);
            (record.uid, record.pid) = (from.uid, from.pid);
            // Names of ours only: a client may have put anything in the place of a provider.
            let provider = self.policy.providers.find(&pending.provider);
            record.route = provider
                .and_then(|_| RouteName::parse(&format!("{} {}", pending.provider, pending.method)).ok());
            record.consumer = consumer;
            record
        };
        let presented = match &pending.token {
            Presented::Nothing => Some(None),
            Presented::Token(digest) => Some(Some(digest)),
            Presented::Nonsense => None,
        };
        let (tokens, tokenless) = (&self.policy.tokens, &self.policy.tokenless);
        let consumer = presented.and_then(|token| tokens.consumer(token, pending.caller, tokenless, wall()));
        let Some(consumer) = consumer else {
            return Err(Box::new((denied(None), Reason::InvalidToken)));
        };
        let path = pending.path.as_str();
        let found = (path.len() <= PATH_MAX)
            .then(|| self.policy.providers.route(&pending.provider, &pending.method, path))
            .flatten();
        let Some((provider, route)) = found else {
            return Err(Box::new((denied(Some(consumer)), Reason::UnknownRoute)));
        };
        let transport = &provider.transport;
        Ok(Routed {
            route: route.name.clone(),
            to: Target {
                scheme: transport.scheme,
                port: transport.port,
                path: format!("{}{path}", provider.base_path),
                inject: provider.inject.clone(),
            },
            ask: Ask {
                consumer,
                provider: pending.provider.clone(),
                purpose: route.purpose.clone(),
                delivery: Delivery::HttpHeaderInject,
                host: transport.host.clone(),
                marked_host: provider.marked_host.clone(),
                named: pending.named.clone(),
                method: Some(pending.method.clone()),
                path: Some(pending.path.clone()),
            },
        })
    }

    /// Tries all waiting asks again.
    pub(super) fn advance_parked(&mut self) {
        for pending in std::mem::take(&mut self.parked) {
            self.advance(pending);
        }
        self.advance_loans();
    }

    /// Refuses, with a record of why.
    pub(super) fn deny(&mut self, pending: &PendingAsk, routed: &Routed, reason: Reason) {
        self.refuse(pending.lane, pending.seq, denied(pending, routed), reason);
    }

    /// Refuses until the grant's limit has room again.
    fn deny_for_now(&mut self, pending: &PendingAsk, routed: &Routed, wait: Duration) {
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let retry_secs = Some(u32::try_from(secs).unwrap_or(u32::MAX));
        let record = denied(pending, routed);
        self.refuse_until(pending.lane, pending.seq, record, Reason::RateLimited, retry_secs);
    }

    /// Refuses with a record that is filled in but for the reason.
    pub(super) fn refuse(&mut self, lane: LaneId, seq: u64, record: Record, reason: Reason) {
        self.refuse_until(lane, seq, record, reason, None);
    }

    fn refuse_until(
        &mut self,
        lane: LaneId,
        seq: u64,
        mut record: Record,
        reason: Reason,
        retry_secs: Option<u32>,
    ) {
        record.reason = Some(reason);
        let bucket = Bucket { caller: record.consumer.clone(), reason };
        let record = match self.flood.one_more(bucket, Instant::now()) {
            Counted::Alone => self.owe(record),
            Counted::WithOthers => None,
        };
        let answer = LeaseAnswer::Refused { seq, refusal: told(reason), record, retry_secs };
        self.after.push(After::Refuse { lane, answer });
    }

    /// The use could not be recorded, so it does not happen.
    pub(super) fn refuse_unrecorded(&mut self, lane: LaneId, seq: u64) {
        if let Some(release) = self.releases.remove(&(lane, seq)) {
            self.uses.end(release.key.grant);
        }
        let refusal = Refusal::JournalUnavailable;
        self.push_lease(lane, &LeaseAnswer::Refused { seq, refusal, record: None, retry_secs: None }, None);
    }

    /// Nothing of this turn was recorded: leases issued in it never were, and who waits for them
    /// is refused.
    pub(super) fn unrecorded(&mut self, what: &str) {
        self.log(LogLevel::Error, &format!("the journal cannot be written, so nothing is released: {what}"));
        self.trouble = Some(what.to_owned());
        let written = self.recorder.written();
        drop(self.leases.end_where(|lease| lease.issued > written));
        // Those who wait for a person too: that they were asked may be what was not recorded.
        let approvals = self.approvals.take_all().into_iter().flat_map(Approval::into_asks);
        for pending in std::mem::take(&mut self.parked).into_iter().chain(approvals) {
            self.refuse_unrecorded(pending.lane, pending.seq);
        }
        self.loans_unrecorded();
        self.refuse_backups(what);
    }

    /// The request of an ask is over.
    pub(super) fn close(&mut self, lane: LaneId, seq: u64, closing: &Closing) {
        let Some(release) = self.releases.remove(&(lane, seq)) else {
            // Not answered yet: withdrawn. Refused already: nothing is left to close.
            self.parked.retain(|pending| (pending.lane, pending.seq) != (lane, seq));
            self.approvals.forget(|of, ask| (of, ask) == (lane, seq));
            return;
        };
        self.uses.end(release.key.grant);
        // As below: an end that cannot be recorded is an end all the same.
        match closing.response {
            Response::Echoed => drop(self.owe(of_release(Event::ReleaseEchoed, &release))),
            Response::Clean => {}
        }
        let mut record = of_release(Event::ReleaseClosed, &release);
        record.outcome = Some(closing.outcome);
        record.status = closing.status;
        record.bytes_in = closing.bytes_in;
        record.bytes_out = closing.bytes_out;
        record.ms = closing.ms;
        let _ = self.owe(record);
        self.repeats.over(lane, seq, release);
    }

    /// A worker of egressd is gone: so are its asks, and nobody knows how its requests ended.
    pub(super) fn egress_gone(&mut self, lane: LaneId) {
        self.parked.retain(|pending| pending.lane != lane);
        self.approvals.forget(|of, _| of == lane);
        let open: Vec<u64> = self.releases.keys().filter(|key| key.0 == lane).map(|key| key.1).collect();
        for seq in open {
            let outcome = Outcome::Unknown;
            let (status, bytes_in, bytes_out, ms) = (None, None, None, None);
            let closing = Closing { outcome, status, bytes_in, bytes_out, ms, response: Response::Clean };
            self.close(lane, seq, &closing);
        }
    }

    /// A new lease, to that uid and pid, whose record is on its way to the disk; none if there is no
    /// journal for it. Whoever comes here, a grant that asks for an approval has no lease without one.
    pub(super) fn issue(
        &mut self,
        key: LeaseKey,
        granted: &Granted,
        route: Option<RouteName>,
        from: (Option<u32>, Option<u32>),
    ) -> Option<Lease> {
        let id = match granted.approving {
            None => new_id()?,
            Some(_) => self.approvals.take_given(&key)?,
        };
        self.end_expired();
        let now = Moment::now();
        let mut lease = Lease {
            id,
            key,
            route,
            expires: now.after(granted.ttl),
            issued: RecordSeq(0),
            began: wall(),
            uses: 0,
            max_uses: granted.max_uses,
        };
        let mut record = of_lease(Event::LeaseIssued, &lease);
        (record.uid, record.pid) = from;
        lease.issued = self.record(record, Urgency::Now).ok()?;
        self.leases.enter(lease.clone());
        Some(lease)
    }

    fn release(
        &mut self,
        pending: &PendingAsk,
        routed: Routed,
        lease: &Lease,
        limits: Limits,
        value: Option<SecretBytes>,
    ) {
        let mut release = Release {
            lease: lease.id,
            key: lease.key.clone(),
            record: RecordSeq(0),
            route: routed.route.clone(),
            from: From::of(pending.caller),
        };
        // INV-04: this use is appended before the value leaves; `settle` sees to the order.
        let mut used = of_release(Event::LeaseUsed, &release);
        used.retry_of = pending.retry_of.and_then(|seq| self.repeats.record_of(pending.lane, seq, &release));
        match self.record(used, self.urgency_of_use()) {
            Ok(seq) => release.record = seq,
            Err(_) => return self.deny(pending, &routed, Reason::JournalUnavailable),
        }
        self.vault.note_use(&lease.key.secret, wall());
        self.note_use(&lease.key);
        let left = lease.left(Moment::now()).as_millis();
        let Target { scheme, port, path, inject } = routed.to;
        let answer = LeaseAnswer::Opened {
            seq: pending.seq,
            lease: lease.id,
            scheme,
            host: lease.key.host.clone(),
            port,
            path,
            inject,
            ending: if limits.at_once.is_some() { Ending::AtOnce } else { Ending::Soon },
            ttl_ms: u64::try_from(left).unwrap_or(u64::MAX),
        };
        self.uses.begin(lease.key.grant, limits, Moment::now());
        self.releases.insert((pending.lane, pending.seq), release);
        self.after.push(After::Release { lane: pending.lane, seq: pending.seq, answer, value });
    }

    fn park(&mut self, pending: PendingAsk, routed: &Routed) {
        if self.parked.len() < PARKED_MAX {
            self.parked.push(pending);
        } else {
            self.deny(&pending, routed, Reason::Busy);
        }
    }
}

/// The record of a refusal, but for its reason.
fn denied(pending: &PendingAsk, routed: &Routed) -> Record {
    let from = From::of(pending.caller);
    let mut record = Record::of(Event::LeaseDenied, wall());
    record.consumer = Some(routed.ask.consumer.clone());
    record.purpose = Some(routed.ask.purpose.clone());
    record.delivery = Some(routed.ask.delivery);
    record.host = Some(routed.ask.host.clone());
    record.secret.clone_from(&routed.ask.named);
    record.route = Some(routed.route.clone());
    (record.uid, record.pid) = (from.uid, from.pid);
    record
}

/// Whether a value that may stand in a header may also stand where this provider wants it.
fn is_fit(value: &SecretBytes, inject: &Inject) -> bool {
    match inject {
        Inject::Header { .. } | Inject::Nothing => true,
        Inject::Query { .. } => is_queryable(value),
    }
}

/// A lease's; none if the kernel gives no random bytes.
pub(super) fn new_id() -> Option<LeaseId> {
    let mut id = [0; 8];
    getrandom::fill(&mut id).ok()?;
    Some(LeaseId(u64::from_le_bytes(id)))
}

/// A record about a lease.
pub(super) fn of_lease(event: Event, lease: &Lease) -> Record {
    let mut record = Record::of(event, wall());
    fill(&mut record, &lease.key);
    record.route.clone_from(&lease.route);
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

pub(super) fn fill(record: &mut Record, key: &LeaseKey) {
    record.secret = Some(key.secret.clone());
    record.version = Some(key.version);
    record.consumer = Some(key.consumer.clone());
    record.purpose = Some(key.purpose.clone());
    record.delivery = Some(key.delivery);
    record.host = key.shown_host();
}

/// What a peer is told for a reason: less than the journal.
const fn told(reason: Reason) -> Refusal {
    match reason {
        Reason::InvalidToken => Refusal::InvalidToken,
        Reason::UnknownRoute => Refusal::UnknownRoute,
        Reason::ValueNotInjectable => Refusal::ValueNotInjectable,
        Reason::VaultLocked => Refusal::VaultLocked,
        Reason::KeychainLocked => Refusal::KeychainLocked,
        Reason::JournalUnavailable => Refusal::JournalUnavailable,
        Reason::Busy => Refusal::Busy,
        Reason::RateLimited => Refusal::RateLimited,
        Reason::ApprovalDenied | Reason::ApprovalExpired => Refusal::ApprovalDenied,
        Reason::VaultDamaged | Reason::KeychainUnreachable => Refusal::KeeperUnavailable,
        Reason::GrantsMissing
        | Reason::GrantsUnusable
        | Reason::NotGranted
        | Reason::HostNotGranted
        | Reason::PurposeNotGranted
        | Reason::DeliveryNotGranted
        | Reason::MethodNotGranted
        | Reason::PathNotGranted
        | Reason::GrantExpired
        | Reason::NoSecret
        | Reason::SecretExpired
        | Reason::WrongPassphrase
        | Reason::Expired
        | Reason::UsedUp
        | Reason::GrantChanged
        | Reason::SecretRotated
        | Reason::SecretRemoved
        | Reason::SecretRolledBack
        | Reason::ProviderChanged
        | Reason::TokenRevoked
        | Reason::TokenExpired
        | Reason::Revoked
        | Reason::Returned
        | Reason::Shutdown => Refusal::NotGranted,
    }
}
