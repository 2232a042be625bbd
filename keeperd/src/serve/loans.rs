//! Values that programs are lent over the cli lane, for `native` and `env_inject`. A loan is judged
//! as a whole before any value of it can be taken, and ends with its lane. As with the asks of
//! egressd, what waits was decided by nobody yet: it is judged anew each time it is looked at.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use proto::cli_lane::CliAnswer;
use proto::control_lane::LogLevel;
use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Reason, Record};
use proto::loan::{Borrow, NotLent};
use proto::meta::RecordSeq;
use proto::name::{Consumer, Delivery, Handle, Purpose};

use super::asks::{Presented, of_lease};
use super::flood::{Bucket, Counted};
use super::keeper::{After, Keeper, Recorded};
use super::keychain::Keyless;
use super::lanes::LaneId;
use super::vault::Opening;
use crate::clock::wall;
use crate::policy::lease_book::{Lease, LeaseKey};

/// A request about a loan without an answer yet.
pub(super) struct PendingLoan {
    pub(super) lane: LaneId,
    pub(super) wanted: Wanted,
}

/// What is asked for.
pub(super) enum Wanted {
    /// A loan, with what was presented for a token.
    Loan(Borrow, Presented),
    /// A value of the one there is.
    Value(Handle),
}

/// What a lane is lent.
pub(super) struct Loan {
    pub(super) asker: Asker,
    pub(super) lent: BTreeMap<Handle, Lent>,
}

/// For whom, and what for.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) consumer: Consumer,
    pub(super) purpose: Purpose,
    pub(super) delivery: Delivery,
}

pub(super) struct Lent {
    pub(super) key: LeaseKey,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Here,
    Taken,
}

impl Keeper {
    /// Takes a request as far as it gets: to an answer, or to waiting.
    pub(super) fn advance_loan(&mut self, pending: PendingLoan) {
        let PendingLoan { lane, wanted } = pending;
        match wanted {
            Wanted::Loan(borrow, token) => self.advance_borrow(lane, borrow, token),
            Wanted::Value(secret) => self.advance_take(lane, secret),
        }
    }

    /// Tries all waiting requests again.
    pub(super) fn advance_loans(&mut self) {
        for pending in std::mem::take(&mut self.loans_waiting) {
            self.advance_loan(pending);
        }
    }

    /// Whether that value of the lane's loan is still to be taken.
    pub(super) fn is_lent(&self, lane: LaneId, secret: &Handle) -> bool {
        let lent = self.loans.get(&lane).and_then(|loan| loan.lent.get(secret));
        lent.is_some_and(|lent| lent.state == State::Here)
    }

    /// Ends what a lane was lent, and the leases that nobody else has of it.
    pub(super) fn end_loan(&mut self, lane: LaneId) {
        self.loans_waiting.retain(|pending| pending.lane != lane);
        let Some(loan) = self.loans.remove(&lane) else { return };
        let mut ends: HashSet<LeaseKey> = HashSet::new();
        for lent in loan.lent.into_values() {
            self.uses.end(lent.key.grant);
            ends.insert(lent.key);
        }
        for other in self.loans.values().flat_map(|loan| loan.lent.values()) {
            ends.remove(&other.key);
        }
        self.end_leases(Reason::Returned, |lease| ends.contains(&lease.key));
    }

    fn advance_borrow(&mut self, lane: LaneId, borrow: Borrow, token: Presented) {
        let Some(consumer) = self.borrower(lane, borrow.consumer.as_ref(), &token) else {
            let mut record = self.by(lane, Event::LeaseDenied);
            record.delivery = Some(borrow.delivery);
            self.refuse_loan(record, Reason::InvalidToken);
            let refused = all(borrow.secrets, Reason::InvalidToken);
            return self.answer_not_lent(lane, None, refused);
        };
        let Borrow { purpose, delivery, .. } = borrow.clone();
        let asker = Asker { consumer, purpose, delivery };
        let (granted, refused) = match self.keys_now() {
            Ok(()) => self.judge_loan(lane, &asker, &borrow.secrets),
            Err(Keyless::Wait) => {
                return self.loans_waiting.push(PendingLoan { lane, wanted: Wanted::Loan(borrow, token) });
            }
            Err(Keyless::Refuse(reason)) => (Vec::new(), all(borrow.secrets.clone(), reason)),
        };
        if !refused.is_empty() {
            self.end_loan(lane);
            for NotLent { secret, reason } in &refused {
                let record = self.denied_loan(lane, &asker, secret);
                self.refuse_loan(record, *reason);
            }
            return self.answer_not_lent(lane, Some(asker.consumer), refused);
        }
        let mut leases = Vec::new();
        for granted in &granted {
            let Some(lease) = self.lent_under(lane, &asker, granted) else {
                self.end_loan(lane);
                let refused = all(borrow.secrets, Reason::JournalUnavailable);
                return self.answer_not_lent(lane, Some(asker.consumer), refused);
            };
            leases.push(lease);
        }
        // INV-04: nothing is said to be lent before the records of all its leases are on disk.
        if leases.iter().any(|lease| self.recorder.receipt(lease.issued).is_none()) {
            return self.loans_waiting.push(PendingLoan { lane, wanted: Wanted::Loan(borrow, token) });
        }
        let leases = leases.iter().map(|lease| lease.id).collect();
        self.answer_cli(lane, CliAnswer::Lent { leases }, Recorded::NotNeeded);
    }

    fn advance_take(&mut self, lane: LaneId, secret: Handle) {
        let Some(asker) = self.loans.get(&lane).map(|loan| loan.asker.clone()) else { return };
        let refuse = |keeper: &mut Self, reason| {
            let record = keeper.denied_loan(lane, &asker, &secret);
            keeper.refuse_loan(record, reason);
            let refused = vec![NotLent { secret: secret.clone(), reason }];
            keeper.answer_not_lent(lane, Some(asker.consumer.clone()), refused);
        };
        let judged = match self.keys_now() {
            Ok(()) => self.judged(&asker, &secret),
            Err(Keyless::Wait) => {
                return self.loans_waiting.push(PendingLoan { lane, wanted: Wanted::Value(secret) });
            }
            Err(Keyless::Refuse(reason)) => Err(reason),
        };
        let granted = match judged {
            Ok(granted) => granted,
            Err(reason) => return refuse(self, reason),
        };
        // What was issued for the loan may have ended since; then this is one more lease.
        let Some(lease) = self.lent_under(lane, &asker, &granted) else {
            return refuse(self, Reason::JournalUnavailable);
        };
        let Some(receipt) = self.recorder.receipt(lease.issued) else {
            return self.loans_waiting.push(PendingLoan { lane, wanted: Wanted::Value(secret) });
        };
        match self.vault.open(&granted, receipt) {
            Opening::Open(value) => match self.note_taken(lane, &lease) {
                Ok(_) => self.hand_over(lane, &lease, value),
                Err(_) => refuse(self, Reason::JournalUnavailable),
            },
            Opening::Pending => {
                self.loans_waiting.push(PendingLoan { lane, wanted: Wanted::Value(secret) });
            }
            Opening::Locked => refuse(self, Reason::VaultLocked),
            Opening::NoSlot => refuse(self, Reason::Busy),
            Opening::Failed(reason) => {
                self.log(LogLevel::Error, &format!("the value of {secret} is not to be had: {reason}"));
                refuse(self, reason);
            }
        }
    }

    /// Records a release. INV-04: `settle` sees to it that the value waits for that.
    fn note_taken(&mut self, lane: LaneId, lease: &Lease) -> Result<RecordSeq, Failure> {
        let by = self.by(lane, Event::LeaseUsed);
        let mut record = of_lease(Event::LeaseUsed, lease);
        (record.uid, record.pid) = (by.uid, by.pid);
        self.record(record, self.urgency_of_use())
    }

    fn hand_over(&mut self, lane: LaneId, lease: &Lease, value: SecretBytes) {
        let key = &lease.key;
        self.vault.note_use(&key.secret, wall());
        self.note_use(key);
        if let Some(lent) = self.loans.get_mut(&lane).and_then(|loan| loan.lent.get_mut(&key.secret)) {
            lent.state = State::Taken;
        }
        let answer = CliAnswer::Taken { secret: key.secret.clone(), version: key.version };
        let recorded = Recorded::First;
        self.after.push(After::Cli { lane, answer, value: Some(value), fds: Vec::new(), recorded });
    }

    /// The record of a refusal, but for its reason.
    fn denied_loan(&mut self, lane: LaneId, asker: &Asker, secret: &Handle) -> Record {
        let mut record = self.by(lane, Event::LeaseDenied);
        record.secret = Some(secret.clone());
        record.consumer = Some(asker.consumer.clone());
        record.purpose = Some(asker.purpose.clone());
        record.delivery = Some(asker.delivery);
        record
    }

    fn refuse_loan(&mut self, mut record: Record, reason: Reason) {
        record.reason = Some(reason);
        let bucket = Bucket { caller: record.consumer.clone(), reason };
        match self.flood.one_more(bucket, Instant::now()) {
            // It is refused, recorded or not.
            Counted::Alone => drop(self.owe(record)),
            Counted::WithOthers => {}
        }
    }

    pub(super) fn answer_not_lent(
        &mut self,
        lane: LaneId,
        consumer: Option<Consumer>,
        refused: Vec<NotLent>,
    ) {
        self.answer_cli(lane, CliAnswer::NotLent { consumer, refused }, Recorded::NotNeeded);
    }
}

pub(super) fn all(secrets: Vec<Handle>, reason: Reason) -> Vec<NotLent> {
    secrets.into_iter().map(|secret| NotLent { secret, reason }).collect()
}
