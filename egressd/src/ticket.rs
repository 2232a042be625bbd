//! The duty to tell keeperd how a request ended, once, whatever becomes of the request.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use proto::control_lane::LogLevel;
use proto::journal::Outcome;
use proto::lease_lane::{Ending, LeaseRequest};
use proto::meta::LeaseId;
use proto::name::{Method, ProviderId};

use crate::access_log::{AccessEnd, AccessLine};
use crate::cut::Cut;
use crate::hazmat::rest;
use crate::keeper::Keeper;
use crate::log::Log;

/// Body bytes both ways.
#[derive(Default)]
pub(crate) struct Tally {
    /// From the client.
    pub(crate) bytes_in: Cell<u64>,
    /// To the client.
    pub(crate) bytes_out: Cell<u64>,
}

impl Tally {
    /// Counts bytes of the request's body.
    pub(crate) fn add_in(&self, bytes: usize) {
        self.bytes_in.set(self.bytes_in.get().saturating_add(bytes as u64));
    }

    /// Counts bytes of the response's body.
    pub(crate) fn add_out(&self, bytes: usize) {
        self.bytes_out.set(self.bytes_out.get().saturating_add(bytes as u64));
    }
}

/// An ask that is not over. Dropped without a word, it means that the client has gone, or that the
/// lease was taken back.
pub(crate) struct Ticket {
    keeper: Keeper,
    cut: Rc<Cut>,
    log: Log,
    seq: u64,
    provider: ProviderId,
    method: Method,
    started: Instant,
    tally: Rc<Tally>,
    lease: Option<LeaseId>,
    ending: Ending,
    status: Option<u16>,
    echo: Echo,
    end: Option<End>,
}

/// Whether the value came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Not that anybody saw.
    None,
    /// All of it, anywhere in what came; where that goes on to the client, as stars.
    Found,
}

enum End {
    Over(Outcome),
    Refused(&'static str),
}

impl Ticket {
    /// For an ask that was just put on the lane.
    pub(crate) fn new(
        keeper: Keeper,
        cut: Rc<Cut>,
        log: Log,
        seq: u64,
        provider: ProviderId,
        method: Method,
    ) -> Self {
        Self {
            keeper,
            cut,
            log,
            seq,
            provider,
            method,
            started: Instant::now(),
            tally: Rc::default(),
            lease: None,
            ending: Ending::AtOnce,
            status: None,
            echo: Echo::None,
            end: None,
        }
    }

    /// Names the ask.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// Where body bytes are counted.
    pub(crate) fn tally(&self) -> Rc<Tally> {
        Rc::clone(&self.tally)
    }

    /// Notes under which lease the request runs, and how soon keeperd must know of its end.
    pub(crate) const fn leased(&mut self, lease: LeaseId, ending: Ending) {
        self.lease = Some(lease);
        self.ending = ending;
    }

    /// Notes the upstream's status.
    pub(crate) const fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Notes that the provider sent the value back.
    pub(crate) const fn echoed(&mut self) {
        self.echo = Echo::Found;
    }

    /// Whether it did.
    pub(crate) const fn echo(&self) -> Echo {
        self.echo
    }

    /// The request is over.
    pub(crate) fn over(mut self, outcome: Outcome) {
        self.end = Some(End::Over(outcome));
    }

    /// keeperd refused the ask: nothing is left to tell it.
    pub(crate) fn refused(mut self, code: &'static str) {
        self.end = Some(End::Refused(code));
    }

    fn log_line(&self, end: AccessEnd, ms: u64) {
        self.log.line(LogLevel::Info, || {
            AccessLine {
                provider: Some(&self.provider),
                method: Some(&self.method),
                end,
                ms,
                bytes_in: self.tally.bytes_in.get(),
                bytes_out: self.tally.bytes_out.get(),
                lease: self.lease,
            }
            .to_string()
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        rest::owe();
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = match self.end {
            Some(End::Refused(code)) => return self.log_line(AccessEnd::Refused(code), ms),
            Some(End::Over(outcome)) => outcome,
            None if self.cut.has_ended(self.seq) => Outcome::Revoked,
            None => Outcome::ClientGone,
        };
        let close = LeaseRequest::Close {
            seq: self.seq,
            outcome,
            status: self.status,
            bytes_in: self.tally.bytes_in.get(),
            bytes_out: self.tally.bytes_out.get(),
            ms,
            echoed: self.echo == Echo::Found,
        };
        // Whatever went wrong is told at once.
        let ending = if outcome == Outcome::Completed { self.ending } else { Ending::AtOnce };
        self.keeper.close(close, ending);
        match (outcome, self.status) {
            (Outcome::Completed, Some(status)) => self.log_line(AccessEnd::Status(status), ms),
            _ => self.log_line(AccessEnd::Refused(outcome.as_str()), ms),
        }
    }
}
