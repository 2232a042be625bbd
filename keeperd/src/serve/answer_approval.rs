//! Asks that a person must approve: they wait, bounded in time and number, and hold up nobody else.
//! One approval is one lease. Who approves gives the passphrase again; who denies need not.

use proto::cli_lane::{APPROVALS_PAGE, CliAnswer};
use proto::control_lane::LogLevel;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Reason, Record};
use proto::lease_lane::LeaseAnswer;
use proto::meta::LeaseId;

use super::approvals::{Approval, Room};
use super::asks::{From, PendingAsk, Routed, fill};
use super::keeper::Keeper;
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::slow::Job;
use crate::clock::{Moment, wall};
use crate::policy::grants::Approving;
use crate::policy::judge::Granted;
use crate::policy::lease_book::LeaseKey;

impl Keeper {
    /// Lets an ask wait that was judged and is granted, but for the person.
    pub(super) fn wait_for_person(
        &mut self,
        mut pending: PendingAsk,
        routed: &Routed,
        key: LeaseKey,
        (granted, approving): (&Granted, Approving),
    ) {
        let now = Moment::now();
        let until = *pending.until.get_or_insert(now.after(approving.wait));
        if until <= now {
            return self.deny(&pending, routed, Reason::ApprovalExpired);
        }
        match self.approvals.room(&key) {
            Room::There => {}
            Room::Full => return self.deny(&pending, routed, Reason::Busy),
            Room::ForAnother => {
                let from = From::of(pending.caller);
                let Some(id) = super::asks::new_id() else {
                    return self.deny(&pending, routed, Reason::Busy);
                };
                let first = (routed.route.clone(), from);
                let approval = Approval::of(id, key.clone(), first, (wall(), granted.ttl));
                let mut record = about(Event::ApprovalAsked, &approval);
                (record.uid, record.pid) = (from.uid, from.pid);
                if self.record(record, Urgency::Soon).is_err() {
                    return self.deny(&pending, routed, Reason::JournalUnavailable);
                }
                self.log(LogLevel::Warn, &wanted(&approval));
                self.approvals.enter(approval);
            }
        }
        let at_most_ms = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
        let (lane, seq) = (pending.lane, pending.seq);
        self.approvals.join(&key, pending, until);
        self.push_lease(lane, &LeaseAnswer::Waiting { seq, at_most_ms }, None);
    }

    pub(super) fn list_approvals(&self, after: Option<LeaseId>) -> CliAnswer {
        let (now, told_at) = (Moment::now(), wall());
        let mut found: Vec<_> =
            self.approvals.wanted().filter(|one| after.is_none_or(|after| one.id > after)).collect();
        found.sort_by_key(|approval| approval.id);
        let more = found.len() > APPROVALS_PAGE;
        let shown = found.into_iter().take(APPROVALS_PAGE).map(|approval| approval.meta(now, told_at));
        CliAnswer::ApprovalListed { approvals: shown.collect(), more }
    }

    pub(super) fn answer_approve(
        &mut self,
        lane: LaneId,
        id: LeaseId,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        if !self.approvals.wanted().any(|approval| approval.id == id) {
            return Err(nobody_waits(id));
        }
        self.room_for_a_record()?;
        self.slow.send(Job::Approve { lane, id, passphrase });
        Ok(())
    }

    pub(super) fn approve_checked(&mut self, lane: LaneId, id: LeaseId, result: Result<(), Failure>) {
        match result.and_then(|()| self.approve(lane, id)) {
            Ok(answer) => self.answer_result(lane, Ok(answer)),
            Err(failure) => self.not_done(lane, failure),
        }
    }

    fn approve(&mut self, lane: LaneId, id: LeaseId) -> Result<CliAnswer, Failure> {
        let approval = self.approvals.take(id).ok_or_else(|| nobody_waits(id))?;
        let meta = approval.meta(Moment::now(), wall());
        let record = self.answered(lane, Event::ApprovalGiven, &approval);
        if let Err(failure) = self.record(record, Urgency::Now) {
            self.refuse_all(approval.into_asks(), Reason::JournalUnavailable);
            return Err(failure);
        }
        self.approvals.given = Some((approval.key.clone(), id));
        for ask in approval.into_asks() {
            self.advance(ask);
        }
        self.approvals.given = None;
        if self.leases.iter().any(|lease| lease.id == id) {
            return Ok(CliAnswer::Approved(meta));
        }
        Err(Failure::new(
            FailureClass::BadInput,
            format!("{id} was approved, but what it asked for is not to be had any more"),
            "ugent secret audit --event lease.denied   (says why)",
        ))
    }

    pub(super) fn answer_deny(&mut self, lane: LaneId, id: LeaseId) -> Result<(), Failure> {
        let approval = self.approvals.take(id).ok_or_else(|| nobody_waits(id))?;
        let meta = approval.meta(Moment::now(), wall());
        let record = self.answered(lane, Event::ApprovalDenied, &approval);
        // Denied, recorded or not.
        self.note(record);
        self.refuse_all(approval.into_asks(), Reason::ApprovalDenied);
        self.answer_result(lane, Ok(CliAnswer::Denied(meta)));
        Ok(())
    }

    /// Judges what waits anew, if something it rests on has changed.
    pub(super) fn recheck_approvals(&mut self) {
        let Some(reason) = self.approvals.stale.take() else { return };
        let (asks, of) = self.approvals.take_asks();
        for ask in asks {
            self.advance(ask);
        }
        let ended = self.approvals.take_unwanted(&of);
        self.record_unanswered(&ended, reason);
    }

    /// Refuses what nobody has answered in time.
    pub(super) fn end_overdue_approvals(&mut self) {
        let (asks, uses) = self.approvals.take_overdue(Moment::now());
        self.refuse_all(asks, Reason::ApprovalExpired);
        self.record_unanswered(&uses, Reason::Expired);
    }

    /// Ends all, at the keeper's end: nobody is left to be told.
    pub(super) fn end_approvals(&mut self, reason: Reason) {
        let all = self.approvals.take_all();
        self.record_unanswered(&all, reason);
    }

    fn record_unanswered(&mut self, ended: &[Approval], reason: Reason) {
        for approval in ended {
            let mut record = about(Event::ApprovalEnded, approval);
            record.reason = Some(reason);
            let _ = self.record(record, Urgency::Soon);
        }
    }

    fn refuse_all(&mut self, asks: Vec<PendingAsk>, reason: Reason) {
        for ask in asks {
            match self.route(&ask) {
                Ok(routed) => self.deny(&ask, &routed, reason),
                Err(refused) => {
                    let (record, reason) = *refused;
                    self.refuse(ask.lane, ask.seq, record, reason);
                }
            }
        }
    }

    /// A record of what the peer of that lane answered.
    fn answered(&mut self, lane: LaneId, event: Event, approval: &Approval) -> Record {
        let by = self.by(lane, event);
        Record { uid: by.uid, pid: by.pid, ..about(event, approval) }
    }
}

fn about(event: Event, approval: &Approval) -> Record {
    let mut record = Record::of(event, wall());
    fill(&mut record, &approval.key);
    record.route = Some(approval.route.clone());
    record.lease = Some(approval.id);
    record
}

/// For whoever reads the broker's log.
fn wanted(approval: &Approval) -> String {
    let (id, key) = (approval.id, &approval.key);
    format!(
        "{} asks for {} ({}), and waits: ugent secret approve {id}   (or: deny {id})",
        key.consumer, key.secret, key.purpose
    )
}

fn nobody_waits(id: LeaseId) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("nobody waits for an approval {id}"),
        "ugent secret approve   (shows who waits, for what)",
    )
}
