//! What comes to an end by the clock: values expire, and earlier versions are no longer kept. An ask is
//! judged by the clock in any case; what is done here ends the leases that are had already, and drops
//! sealed files.

use proto::journal::Reason;
use proto::meta::Timestamp;

use super::keeper::Keeper;
use super::slow::Job;
use crate::catalog::SecretRow;
use crate::clock::wall;

/// When the next of them does, so that a turn need not look at every secret.
#[derive(Default)]
pub(super) struct Endings {
    /// What ended up to then has been seen to.
    done: Option<Timestamp>,
    next: Option<Timestamp>,
}

impl Endings {
    /// Looks at all of them again.
    pub(super) fn look<'a>(&mut self, rows: impl Iterator<Item = &'a SecretRow>) {
        let ends = rows.flat_map(|row| &row.versions).flat_map(|row| [row.expires, row.kept_until]);
        self.next = ends.flatten().filter(|end| self.done.is_none_or(|done| done < *end)).min();
    }

    /// When the next one comes, if one does.
    pub(super) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_some_and(|next| next <= now)
    }
}

impl Keeper {
    /// Ends what is over.
    pub(super) fn end_versions(&mut self) {
        let now = wall();
        if !self.vault.endings.is_due(now) {
            return;
        }
        let (mut expired, mut gone) = (Vec::new(), 0);
        for row in self.vault.secrets.values_mut() {
            gone += row.take_ended(now).len();
            expired.extend(row.current().filter(|row| row.has_expired(now)).map(|_| row.handle.clone()));
        }
        self.vault.endings.done = Some(now);
        self.vault.endings.look(self.vault.secrets.values());
        for handle in expired {
            self.end_of_secret(&handle, Reason::SecretExpired);
        }
        // A keeper that is only asked something changes nothing: the next one that may does it.
        if gone > 0 && (self.is_broker() || self.vault.keys.is_some()) {
            self.slow.send(Job::DropEnded { now });
        }
    }
}
