//! `token rotate`: another bootstrap token in `broker.token`.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};

use super::span;
use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::session::Session;

/// Puts a new bootstrap token into broker.token; asks for the passphrase again
///
/// The old one is refused at once, unless --grace says for how long it still works.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret token rotate --grace 10m")]
pub(crate) struct Rotate {
    /// How long the old one still works, as in 45s, 10m, 12h
    #[arg(long, value_name = "SPAN")]
    grace: Option<String>,
}

impl Rotate {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let Some(path) = session.home.token() else {
            return Err(Failure::new(
                FailureClass::Config,
                "a broker with --system has no bootstrap token to rotate",
                "ugent secret token issue --consumer NAME",
            )
            .into());
        };
        let grace_ms = self.grace.as_deref().map_or(Ok(0), |text| span("--grace", text))?;
        keeper::check_set_up(session)?;
        let passphrase = session.passphrase.for_vault(&session.home)?;
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let answered = keeper.ask(&CliRequest::TokenRotate { grace_ms }, passphrase)?;
        let CliAnswer::TokenRotated(meta) = answered.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        let old = match (&self.grace, grace_ms) {
            (Some(grace), 1..) => format!("works for another {grace}"),
            (Some(_) | None, _) => "is refused".to_owned(),
        };
        writeln!(stdout(), "token {} is in {}; the old one {old}", meta.id, path.display())?;
        Ok(())
    }
}
