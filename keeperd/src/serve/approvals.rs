//! Uses that wait for a person: what is asked for, by which asks, and until when. Decides nothing:
//! an ask is judged before it waits, and again once somebody has answered.

use std::time::Duration;

use proto::journal::Reason;
use proto::meta::{ApprovalMeta, LeaseId, Timestamp};
use proto::name::RouteName;

use super::asks::{From, PendingAsk};
use super::lanes::LaneId;
use crate::clock::Moment;
use crate::policy::lease_book::LeaseKey;

/// Most uses that may wait at once, and most asks that may wait for one of them: who asks in a flood
/// takes the places of his own use only.
const USES_MAX: usize = 64;
const ASKS_MAX: usize = 64;

/// One use that waits for a person. The lease that it may become is known by its id already.
pub(super) struct Approval {
    pub(super) id: LeaseId,
    pub(super) key: LeaseKey,
    /// Of the ask that came first, as are the next two.
    pub(super) route: RouteName,
    pub(super) from: From,
    pub(super) asked: Timestamp,
    /// Of the lease.
    pub(super) ttl: Duration,
    /// When the last of its asks is refused. It stays until then though they be gone, so that one who
    /// comes and goes fills no journal.
    ends: Moment,
    asks: Vec<PendingAsk>,
}

impl Approval {
    pub(super) fn of(
        id: LeaseId,
        key: LeaseKey,
        first: (RouteName, From),
        ttl: (Timestamp, Duration),
    ) -> Self {
        let ((route, from), (asked, ttl), asks) = (first, ttl, Vec::new());
        Self { id, key, route, from, asked, ttl, ends: Moment::ZERO, asks }
    }

    /// What is shown of it, at a moment that was that time.
    pub(super) fn meta(&self, now: Moment, time: Timestamp) -> ApprovalMeta {
        let left = u64::try_from(self.ends.since(now).as_millis()).unwrap_or(u64::MAX);
        ApprovalMeta {
            id: self.id,
            consumer: self.key.consumer.clone(),
            secret: self.key.secret.clone(),
            version: self.key.version,
            purpose: self.key.purpose.clone(),
            delivery: self.key.delivery,
            host: self.key.shown_host(),
            route: self.route.clone(),
            uid: self.from.uid,
            pid: self.from.pid,
            asked: self.asked,
            ends: Timestamp(time.0.saturating_add(left)),
            ttl_secs: u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX),
            asks: u32::try_from(self.asks.len()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn into_asks(self) -> Vec<PendingAsk> {
        self.asks
    }
}

/// Whether there is room for one more ask.
#[must_use]
pub(super) enum Room {
    /// With the others of its use.
    There,
    /// Its use is a new one.
    ForAnother,
    /// Too many wait.
    Full,
}

/// All of them.
#[derive(Default)]
pub(super) struct Approvals {
    waiting: Vec<Approval>,
    /// The use that a person has just approved, until its lease is issued.
    pub(super) given: Option<(LeaseKey, LeaseId)>,
    /// Why the asks that wait must be judged anew, if they must.
    pub(super) stale: Option<Reason>,
}

impl Approvals {
    pub(super) fn room(&self, key: &LeaseKey) -> Room {
        match self.waiting.iter().find(|approval| approval.key == *key) {
            Some(approval) if approval.asks.len() < ASKS_MAX => Room::There,
            None if self.waiting.len() < USES_MAX => Room::ForAnother,
            Some(_) | None => Room::Full,
        }
    }

    pub(super) fn enter(&mut self, approval: Approval) {
        self.waiting.push(approval);
    }

    /// Lets an ask wait for a use that was entered.
    pub(super) fn join(&mut self, key: &LeaseKey, ask: PendingAsk, until: Moment) {
        if let Some(approval) = self.waiting.iter_mut().find(|approval| approval.key == *key) {
            approval.ends = approval.ends.max(until);
            approval.asks.push(ask);
        }
    }

    /// Those somebody still waits for.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Approval> {
        self.waiting.iter().filter(|approval| !approval.asks.is_empty())
    }

    /// Takes out one that somebody still waits for.
    pub(super) fn take(&mut self, id: LeaseId) -> Option<Approval> {
        let place = self.waiting.iter().position(|one| one.id == id && !one.asks.is_empty())?;
        Some(self.waiting.remove(place))
    }

    /// Whether a person has just approved that use.
    pub(super) fn is_given(&self, key: &LeaseKey) -> bool {
        self.given.as_ref().is_some_and(|(given, _)| given == key)
    }

    /// The use that was approved has its lease now.
    pub(super) fn take_given(&mut self, key: &LeaseKey) -> Option<LeaseId> {
        self.given.take_if(|(given, _)| given == key).map(|(_, id)| id)
    }

    /// Forgets asks whose client or worker is gone.
    pub(super) fn forget(&mut self, is_gone: impl Fn(LaneId, u64) -> bool) {
        for approval in &mut self.waiting {
            approval.asks.retain(|ask| !is_gone(ask.lane, ask.seq));
        }
    }

    /// Takes out all asks, and says of which uses they are.
    pub(super) fn take_asks(&mut self) -> (Vec<PendingAsk>, Vec<LeaseId>) {
        let wanted = self.wanted().map(|approval| approval.id).collect();
        let asks = self.waiting.iter_mut().flat_map(|approval| std::mem::take(&mut approval.asks));
        (asks.collect(), wanted)
    }

    /// Takes out those of these nobody waits for any more.
    pub(super) fn take_unwanted(&mut self, among: &[LeaseId]) -> Vec<Approval> {
        self.waiting.extract_if(.., |one| one.asks.is_empty() && among.contains(&one.id)).collect()
    }

    /// Takes out what is over: asks, and uses.
    pub(super) fn take_overdue(&mut self, now: Moment) -> (Vec<PendingAsk>, Vec<Approval>) {
        let over = |ask: &mut PendingAsk| ask.until.is_some_and(|until| until <= now);
        let asks = self.waiting.iter_mut().flat_map(|one| one.asks.extract_if(.., over).collect::<Vec<_>>());
        let asks = asks.collect();
        (asks, self.waiting.extract_if(.., |one| one.ends <= now).collect())
    }

    pub(super) fn take_all(&mut self) -> Vec<Approval> {
        std::mem::take(&mut self.waiting)
    }

    /// When the next ask or use is over.
    pub(super) fn next_end(&self) -> Option<Moment> {
        let asks = self.waiting.iter().flat_map(|one| &one.asks).filter_map(|ask| ask.until);
        asks.chain(self.waiting.iter().map(|one| one.ends)).min()
    }
}

#[cfg(test)]
mod tests {
    use proto::lease_lane::Caller;
    use proto::name::{Consumer, Delivery, Handle, Host, Method, ProviderId, Purpose};

    use super::super::asks::Presented;
    use super::*;
    use crate::policy::grants::GrantMark;

    fn key(version: u32) -> LeaseKey {
        LeaseKey {
            secret: Handle::parse("@a").unwrap(),
            version,
            consumer: Consumer::ugent_core(),
            purpose: Purpose::parse("llm.chat").unwrap(),
            delivery: Delivery::HttpHeaderInject,
            host: Host::parse("api.openai.com").unwrap(),
            grant: GrantMark::of_test(1),
        }
    }

    fn at(secs: u64) -> Moment {
        Moment::at(Duration::from_secs(secs))
    }

    fn enter(approvals: &mut Approvals, version: u32) -> LeaseId {
        let id = LeaseId(version.into());
        let first = (RouteName::parse("openai POST /v1/x").unwrap(), From { uid: None, pid: None });
        approvals.enter(Approval::of(id, key(version), first, (Timestamp(0), Duration::from_secs(300))));
        id
    }

    fn join(approvals: &mut Approvals, version: u32, seq: u64, until: u64) {
        let ask = PendingAsk {
            lane: LaneId::of_test(1),
            seq,
            caller: Caller::Tcp,
            token: Presented::Nothing,
            provider: ProviderId::parse("openai").unwrap(),
            method: Method::parse("POST").unwrap(),
            path: "/v1/x".to_owned(),
            named: None,
            until: Some(at(until)),
        };
        approvals.join(&key(version), ask, at(until));
    }

    #[test]
    fn there_is_room_for_so_many_uses_and_for_so_many_asks_of_each() {
        let mut approvals = Approvals::default();
        for version in 0..64 {
            assert!(matches!(approvals.room(&key(version)), Room::ForAnother));
            enter(&mut approvals, version);
        }
        assert!(matches!(approvals.room(&key(64)), Room::Full));
        for seq in 0..64 {
            assert!(matches!(approvals.room(&key(0)), Room::There));
            join(&mut approvals, 0, seq, 60);
        }
        assert!(matches!(approvals.room(&key(0)), Room::Full));
        assert!(matches!(approvals.room(&key(1)), Room::There), "a flood takes its own places only");
    }

    #[test]
    fn each_ask_has_its_own_end_and_a_use_stays_until_the_last_of_them() {
        let mut approvals = Approvals::default();
        let id = enter(&mut approvals, 1);
        join(&mut approvals, 1, 1, 10);
        join(&mut approvals, 1, 2, 20);
        assert_eq!(approvals.next_end(), Some(at(10)));
        let (asks, uses) = approvals.take_overdue(at(10));
        assert_eq!((asks.iter().map(|ask| ask.seq).collect::<Vec<_>>(), uses.len()), (vec![1], 0));
        approvals.forget(|_, seq| seq == 2);
        assert_eq!(approvals.wanted().count(), 0);
        assert!(approvals.take(id).is_none(), "nobody waits, so there is nothing to answer");
        assert!(matches!(approvals.room(&key(1)), Room::There), "and who comes back finds it");
        let (asks, uses) = approvals.take_overdue(at(20));
        assert_eq!((asks.len(), uses.len(), approvals.next_end()), (0, 1, None));
    }

    #[test]
    fn what_was_given_is_for_that_use_and_once() {
        let mut approvals = Approvals { given: Some((key(1), LeaseId(1))), ..Approvals::default() };
        assert!(!approvals.is_given(&key(2)) && approvals.take_given(&key(2)).is_none());
        assert!(approvals.is_given(&key(1)));
        assert_eq!(approvals.take_given(&key(1)), Some(LeaseId(1)));
        assert_eq!(approvals.take_given(&key(1)), None);
    }
}
