//! Leases in force. Each was granted, has an end, and is for exactly one use of one version.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use proto::meta::{LeaseId, LeaseMeta, RecordSeq, Timestamp};
use proto::name::{Consumer, Delivery, Handle, Host, Purpose, RouteName};

use super::grants::GrantMark;
use super::judge::{Ask, Granted};
use crate::clock::Moment;

/// What a lease is for. Two asks with the same key share a lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseKey {
    pub(crate) secret: Handle,
    pub(crate) version: u32,
    pub(crate) consumer: Consumer,
    pub(crate) purpose: Purpose,
    pub(crate) delivery: Delivery,
    pub(crate) host: Host,
    /// The grant it rests on.
    pub(crate) grant: GrantMark,
}

impl LeaseKey {
    /// Of an ask that was granted.
    pub(crate) fn new(granted: &Granted, ask: &Ask) -> Self {
        Self {
            secret: granted.secret.clone(),
            version: granted.version,
            consumer: ask.consumer.clone(),
            purpose: ask.purpose.clone(),
            delivery: ask.delivery,
            host: granted.host.clone(),
            grant: granted.grant,
        }
    }

    /// Where the value goes, where that is not this machine.
    pub(crate) fn shown_host(&self) -> Option<Host> {
        match self.delivery {
            Delivery::HttpHeaderInject => Some(self.host.clone()),
            Delivery::Native | Delivery::EnvInject => None,
        }
    }
}

/// A lease in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) key: LeaseKey,
    /// Of the ask it was issued for; later asks under it may take another of the same purpose. None
    /// where nothing is sent anywhere.
    pub(crate) route: Option<RouteName>,
    pub(crate) expires: Moment,
    /// The record of its issue, which must be synced before the first release (INV-04).
    pub(crate) issued: RecordSeq,
    /// When that was, for people.
    pub(crate) began: Timestamp,
    /// Releases under it.
    pub(crate) uses: u64,
}

impl Lease {
    /// Time that is left.
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.expires.since(now)
    }

    /// What is shown of it, at a moment that was that time.
    pub(crate) fn meta(&self, now: Moment, time: Timestamp) -> LeaseMeta {
        let left = u64::try_from(self.left(now).as_millis()).unwrap_or(u64::MAX);
        let key = &self.key;
        LeaseMeta {
            id: self.id,
            consumer: key.consumer.clone(),
            secret: key.secret.clone(),
            version: key.version,
            purpose: key.purpose.clone(),
            delivery: key.delivery,
            host: key.shown_host(),
            issued: self.began,
            ends: Timestamp(time.0.saturating_add(left)),
            uses: self.uses,
        }
    }
}

/// All leases in force, by use and by end: neither looking one up nor asking which ends next
/// depends on how many there are.
#[derive(Default)]
pub(crate) struct LeaseBook {
    by_key: HashMap<LeaseKey, Lease>,
    by_end: BTreeMap<(Moment, LeaseId), LeaseKey>,
}

impl LeaseBook {
    /// The lease for that use, if there is one and its time is not over.
    pub(crate) fn find(&self, key: &LeaseKey, now: Moment) -> Option<&Lease> {
        self.by_key.get(key).filter(|lease| now < lease.expires)
    }

    /// Enters a new lease. Whoever had the same use before must have been taken out.
    pub(crate) fn enter(&mut self, lease: Lease) {
        self.by_end.insert((lease.expires, lease.id), lease.key.clone());
        self.by_key.insert(lease.key.clone(), lease);
    }

    /// All that were not taken out, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.by_key.values()
    }

    /// Counts a release under the lease for that use.
    pub(crate) fn note_use(&mut self, key: &LeaseKey) {
        if let Some(lease) = self.by_key.get_mut(key) {
            lease.uses = lease.uses.saturating_add(1);
        }
    }

    /// Takes out all leases of which `ends` says so, in the order they were issued.
    pub(crate) fn end_where(&mut self, mut ends: impl FnMut(&Lease) -> bool) -> Vec<Lease> {
        let mut ended: Vec<_> =
            self.by_key.extract_if(|_, lease| ends(lease)).map(|(_, lease)| lease).collect();
        for lease in &ended {
            self.by_end.remove(&(lease.expires, lease.id));
        }
        ended.sort_by_key(|lease| lease.issued);
        ended
    }

    /// Takes out all leases whose time is over, in that order.
    pub(crate) fn end_expired(&mut self, now: Moment) -> Vec<Lease> {
        let mut ended = Vec::new();
        while let Some(first) = self.by_end.first_entry().filter(|first| first.key().0 <= now) {
            ended.extend(self.by_key.remove(&first.remove()));
        }
        ended
    }

    /// When the next lease ends by its time.
    pub(crate) fn next_end(&self) -> Option<Moment> {
        self.by_end.keys().next().map(|(end, _)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(secret: &str, expires: u64) -> Lease {
        Lease {
            id: LeaseId(expires),
            key: LeaseKey {
                secret: Handle::parse(secret).unwrap(),
                version: 1,
                consumer: Consumer::ugent_core(),
                purpose: Purpose::parse("llm.chat").unwrap(),
                delivery: Delivery::HttpHeaderInject,
                host: Host::parse("api.openai.com").unwrap(),
                grant: GrantMark::of_test(1),
            },
            route: Some(RouteName::parse("openai POST /v1/x").unwrap()),
            expires: Moment::at(Duration::from_secs(expires)),
            issued: RecordSeq(expires),
            began: Timestamp(0),
            uses: 0,
        }
    }

    #[test]
    fn a_lease_is_not_found_once_its_time_is_over() {
        let mut book = LeaseBook::default();
        let lease = lease("@a", 10);
        book.enter(lease.clone());
        assert_eq!(book.find(&lease.key, Moment::at(Duration::from_secs(9))), Some(&lease));
        assert_eq!(book.find(&lease.key, Moment::at(Duration::from_secs(10))), None);
        assert_eq!(book.next_end(), Some(lease.expires));
        assert_eq!(book.end_expired(Moment::at(Duration::from_secs(9))), vec![]);
        assert_eq!(book.end_expired(Moment::at(Duration::from_secs(10))), vec![lease.clone()]);
        assert_eq!(book.next_end(), None);
        book.enter(lease.clone());
        assert_eq!(book.end_where(|lease| lease.key.version == 2), vec![]);
        assert_eq!(book.end_where(|lease| lease.key.version == 1), vec![lease]);
        assert_eq!(book.next_end(), None);
    }

    #[test]
    fn what_is_shown_ends_when_the_lease_does_and_has_its_uses() {
        let mut book = LeaseBook::default();
        let lease = lease("@a", 10);
        book.enter(lease.clone());
        book.note_use(&lease.key);
        book.note_use(&LeaseKey { version: 2, ..lease.key });
        let shown: Vec<_> =
            book.iter().map(|lease| lease.meta(Moment::at(Duration::from_secs(4)), Timestamp(500))).collect();
        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].ends, shown[0].uses), (Timestamp(6500), 1));
    }

    #[test]
    fn another_version_or_grant_is_another_lease() {
        let mut book = LeaseBook::default();
        let lease = lease("@a", 10);
        let next = LeaseKey { version: 2, ..lease.key.clone() };
        let under_another = LeaseKey { grant: GrantMark::of_test(2), ..lease.key.clone() };
        book.enter(lease);
        assert_eq!(book.find(&next, Moment::at(Duration::ZERO)), None);
        assert_eq!(book.find(&under_another, Moment::at(Duration::ZERO)), None);
    }
}
