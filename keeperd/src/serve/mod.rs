//! The loop: waits on every lane at once, and alone decides. One turn reads every frame that
//! waits, judges, writes all records in one go, and only then lets the answers out.
//!
//! It never blocks but in `poll`: disks are waited for by the sync and slow-work threads.

mod answer_approval;
mod answer_backup;
mod answer_cli;
mod answer_control;
mod answer_deposit;
mod answer_grants;
mod answer_import;
mod answer_lease;
mod answer_loan;
mod answer_migrate;
mod answer_providers;
mod answer_rekey;
mod answer_revoke;
mod answer_token;
mod answer_work;
mod approvals;
mod asks;
mod duty;
mod ending;
mod ends;
mod expiring;
mod flood;
mod held;
mod keeper;
mod keychain;
mod lanes;
mod loan_judge;
mod loans;
mod owed;
mod recorder;
mod repeats;
mod slow;
mod start;
mod turn;
mod vault;
pub(crate) mod verifier;
mod wake;
mod windows;

use proto::control_lane::{ControlReport, StartKeeper};
use proto::failure::Failure;
use proto::journal::{Event, Reason};
use unix::lane::Lane;

use crate::confine::{Confined, Jailed};
use crate::prepare::Prepared;
use keeper::{End, Keeper};
use slow::Job;

pub(crate) use expiring::Day;

/// Serves until told to stop, or until it cannot go on.
///
/// # Errors
/// [`Failure`]: why it could not go on.
pub(crate) fn serve(
    control: Lane,
    start: StartKeeper,
    prepared: Prepared,
    jailed: Jailed,
) -> Result<(), Failure> {
    let keeper = Keeper::start(control, start, prepared)?;
    match jailed.confine() {
        Ok(confined) => keeper.attend(&confined),
        Err(failure) => {
            let mut keeper = keeper;
            keeper.report(&ControlReport::Stopped { failure: Some(failure.clone()) });
            drop(keeper.lanes.flush());
            Err(failure)
        }
    }
}

impl Keeper {
    /// Turn by turn to the end. Only a confined process may (INV-08).
    fn attend(mut self, confined: &Confined) -> Result<(), Failure> {
        self.first_reports(confined);
        let end = loop {
            self.turn();
            if let Some(end) = self.end.take() {
                break end;
            }
        };
        self.finish(end)
    }

    /// Finishes what was begun, records the end, and syncs.
    fn finish(mut self, end: End) -> Result<(), Failure> {
        let used = self.take_used();
        self.slow.send(Job::Used { used });
        for report in self.slow.finish() {
            self.take_report(report);
        }
        for lane in self.lanes.egress() {
            self.hang_up(lane);
        }
        self.end_leases(Reason::Shutdown, |_| true);
        self.end_approvals(Reason::Shutdown);
        let counts = self.flood.take_all();
        self.record_flood(counts);
        if self.is_broker() {
            self.note(Self::event(Event::BrokerStopped));
        }
        self.settle();
        let finished = self.recorder.finish();
        match finished.as_ref().err().or(self.recorder.broken()).cloned() {
            None => self.let_go_finished(),
            Some(failure) => self.let_go_unsynced(&failure),
        }
        let result = match end {
            End::Orderly => finished,
            End::Failed(failure) => Err(failure),
        };
        // After the last sync, so that it can tell of its failure too.
        self.report(&ControlReport::Stopped { failure: result.as_ref().err().cloned() });
        drop(self.lanes.flush());
        result
    }
}
