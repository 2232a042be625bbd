//! Leases in force: what the CLI asks about them, and how they are ended before their time. Ending
//! another consumer's than its own takes the passphrase again; what is ended is over before anybody
//! is told, recorded or not.

use std::collections::BTreeSet;

use proto::cli_lane::{CliAnswer, InFlight, LEASES_PAGE, Leases};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Reason};
use proto::meta::LeaseId;
use proto::name::Consumer;

use super::asks::of_lease;
use super::keeper::{After, Keeper, Recorded, done_unrecorded};
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::slow::Job;
use crate::clock::{Moment, wall};
use crate::policy::lease_book::LeaseKey;

/// What is to end.
#[derive(Clone)]
pub(super) struct Revocation {
    pub(super) which: Leases,
    pub(super) in_flight: InFlight,
}

impl Keeper {
    pub(super) fn list_leases(&self, after: Option<LeaseId>) -> CliAnswer {
        let (now, told_at) = (Moment::now(), wall());
        let live = self.leases.iter().filter(|lease| now < lease.expires);
        let mut found: Vec<_> = live.filter(|lease| after.is_none_or(|id| lease.id > id)).collect();
        found.sort_by_key(|lease| lease.id);
        let more = found.len() > LEASES_PAGE;
        let leases = found.into_iter().take(LEASES_PAGE).map(|lease| lease.meta(now, told_at)).collect();
        CliAnswer::LeaseListed { leases, more }
    }

    /// Ends leases, if whoever asks may; a passphrase that is given is tried first.
    ///
    /// # Errors
    /// [`Failure`] if there is nothing of that name.
    pub(super) fn answer_lease_revoke(
        &mut self,
        lane: LaneId,
        what: Revocation,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.known_leases(&what)?;
        match passphrase {
            Some(passphrase) => self.slow.send(Job::LeaseRevoke { lane, passphrase, what }),
            None if self.is_anothers(&what) && !self.is_in_keychain() => {
                self.answer_cli(lane, CliAnswer::PassphraseNeeded, Recorded::NotNeeded);
            }
            None => self.revoke_leases(lane, &what),
        }
        Ok(())
    }

    pub(super) fn lease_revoke_checked(
        &mut self,
        lane: LaneId,
        what: &Revocation,
        result: Result<(), Failure>,
    ) {
        match result {
            Ok(()) => self.revoke_leases(lane, what),
            Err(failure) => self.not_done(lane, failure),
        }
    }

    /// A name that is mistyped must not look as if something had ended.
    fn known_leases(&self, what: &Revocation) -> Result<(), Failure> {
        let in_flight = self.in_flight(&what.which).len();
        let id = match &what.which {
            Leases::Consumer(_) => return Ok(()),
            // One that was removed may still have requests in flight.
            Leases::Secret(_) if in_flight > 0 => return Ok(()),
            Leases::Secret(handle) => return self.known(handle),
            Leases::Id(id) => *id,
        };
        if self.leases.iter().any(|lease| lease.id == id) {
            return Ok(());
        }
        match (in_flight, what.in_flight) {
            (0, InFlight::GoesOn | InFlight::Cut) => Err(Failure::new(
                FailureClass::BadInput,
                format!("there is no lease {id} in force"),
                "ugent secret lease list",
            )),
            (_, InFlight::GoesOn) => Err(Failure::new(
                FailureClass::BadInput,
                format!("lease {id} has ended already, and {in_flight} in flight under it go on"),
                format!("ugent secret lease revoke {id} --now"),
            )),
            (_, InFlight::Cut) => Ok(()),
        }
    }

    /// Whether any of what would end is not the asker's own.
    fn is_anothers(&self, what: &Revocation) -> bool {
        let own = Consumer::cli();
        let held = self.leases.iter().map(|lease| (lease.id, &lease.key));
        let running = self.releases.values().map(|release| (release.lease, &release.key));
        let running = running.filter(|_| what.in_flight == InFlight::Cut);
        held.chain(running).any(|(id, key)| key.consumer != own && is_of(&what.which, id, key))
    }

    fn revoke_leases(&mut self, lane: LaneId, what: &Revocation) {
        let ended = self.leases.end_where(|lease| is_of(&what.which, lease.id, &lease.key));
        let mut told = Ok(());
        for lease in &ended {
            let by = self.by(lane, Event::LeaseEnded);
            let mut record = of_lease(Event::LeaseEnded, lease);
            record.reason = Some(Reason::Revoked);
            (record.uid, record.pid) = (by.uid, by.pid);
            let recorded = self.record(record, Urgency::Now).map(drop);
            told = told.and(recorded.map_err(|failure| done_unrecorded(&failure)));
        }
        let in_flight = self.in_flight(&what.which);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let answer =
            CliAnswer::LeaseRevoked { leases: count(ended.len()), in_flight: count(in_flight.len()) };
        if what.in_flight == InFlight::Cut {
            let cut: BTreeSet<_> = in_flight.into_iter().collect();
            // Behind whatever this turn releases under them, and before the CLI hears of it.
            self.after.extend(cut.into_iter().map(|(lane, lease)| After::Cut { lane, lease }));
        }
        self.answer_result(lane, told.map(|()| answer));
    }

    /// The requests that run under such leases: on which lane, under which.
    fn in_flight(&self, which: &Leases) -> Vec<(LaneId, LeaseId)> {
        let running = self.releases.iter().filter(|(_, release)| is_of(which, release.lease, &release.key));
        running.map(|((lane, _), release)| (*lane, release.lease)).collect()
    }
}

/// Whether a lease is one of those.
fn is_of(which: &Leases, id: LeaseId, key: &LeaseKey) -> bool {
    match which {
        Leases::Id(wanted) => *wanted == id,
        Leases::Secret(handle) => *handle == key.secret,
        Leases::Consumer(consumer) => *consumer == key.consumer,
    }
}
