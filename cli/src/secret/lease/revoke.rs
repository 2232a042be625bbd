//! `lease revoke`: leases end before their time. The passphrase is asked for only where keeperd
//! wants it, and after it has found what is meant.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest, InFlight, Leases};
use proto::failure::{Failure, FailureClass};
use proto::meta::LeaseId;
use proto::name::Consumer;
use serde::Serialize;

use crate::ending::Outcome;
use crate::hazmat::passphrase::Asking;
use crate::keeper;
use crate::render::{self, Form, JsonOption};
use crate::secret::{bad_name, handle};
use crate::session::Session;

/// Ends leases at once: the next request is judged anew
///
/// Requests in flight are finished, unless --now cuts them. What is still granted is lent again to
/// the next request that asks: to end that too, change the grant. Ending another consumer's leases
/// than `cli`'s asks for the passphrase again.
#[derive(Args)]
#[command(
    group = clap::ArgGroup::new("which").required(true),
    after_help = "Examples:\n  ugent secret lease revoke 01f0e9a3c5d7b862\n  \
                  ugent secret lease revoke @openai_api_key --now\n  \
                  ugent secret lease revoke --consumer context-engine"
)]
pub(crate) struct Revoke {
    /// One lease, by its id as shown by `lease list`, or all leases of a secret
    #[arg(value_name = "ID|@NAME", group = "which")]
    named: Option<String>,
    /// All leases of this consumer
    #[arg(long, value_name = "C", group = "which")]
    consumer: Option<String>,
    /// Cuts the requests that run under them, too
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    json: JsonOption,
}

/// What was done.
#[derive(Serialize)]
struct Revoked {
    leases_ended: u32,
    requests_cut: u32,
    requests_going_on: u32,
}

impl Revoke {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let which = self.which()?;
        let in_flight = if self.now { InFlight::Cut } else { InFlight::GoesOn };
        let request = CliRequest::LeaseRevoke { which, in_flight };
        keeper::check_set_up(session)?;
        let mut keeper = keeper::reach_broker(session)?.ok_or_else(nothing_lent)?;
        let mut answer = keeper.ask(&request, None)?.answer;
        if answer == CliAnswer::PassphraseNeeded {
            let passphrase = session.passphrase.require(Asking::Once)?;
            answer = keeper.ask(&request, Some(passphrase))?.answer;
        }
        let CliAnswer::LeaseRevoked { leases, in_flight: running } = answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let (cut, going_on) = match in_flight {
            InFlight::Cut => (running, 0),
            InFlight::GoesOn => (0, running),
        };
        let done = Revoked { leases_ended: leases, requests_cut: cut, requests_going_on: going_on };
        match self.json.form() {
            Form::Json => render::json(&mut stdout(), &done)?,
            Form::Table | Form::Plain => writeln!(stdout(), "{}", done.sentence())?,
        }
        Ok(())
    }

    fn which(&self) -> Result<Leases, Failure> {
        match (&self.named, &self.consumer) {
            (Some(named), _) if named.starts_with('@') => handle(named).map(Leases::Secret),
            (Some(named), _) => LeaseId::parse(named).map(Leases::Id).map_err(bad_name),
            (None, Some(consumer)) => Consumer::parse(consumer).map(Leases::Consumer).map_err(bad_name),
            // The group is required.
            (None, None) => Err(keeper::unexpected()),
        }
    }
}

impl Revoked {
    fn sentence(&self) -> String {
        let mut text = format!("ended {}", counted(self.leases_ended, "lease"));
        if self.requests_cut > 0 {
            text.push_str(&format!("; cut {} in flight", counted(self.requests_cut, "request")));
        }
        if self.requests_going_on > 0 {
            let going_on = counted(self.requests_going_on, "request");
            text.push_str(&format!("; {going_on} in flight may finish, --now cuts such"));
        }
        text
    }
}

fn counted(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn nothing_lent() -> Failure {
    Failure::new(
        FailureClass::Unreachable,
        "no broker is running, so there is no lease to revoke",
        "leases end with their broker; ugent secret broker status shows whether one runs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_one_sentence() {
        let told = |ended, cut, going_on| {
            Revoked { leases_ended: ended, requests_cut: cut, requests_going_on: going_on }.sentence()
        };
        assert_eq!(told(0, 0, 0), "ended 0 leases");
        assert_eq!(told(1, 2, 0), "ended 1 lease; cut 2 requests in flight");
        assert_eq!(told(2, 0, 1), "ended 2 leases; 1 request in flight may finish, --now cuts such");
    }
}
