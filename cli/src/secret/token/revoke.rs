//! `token revoke`: a token is refused from now on.

use std::io::{Write, stdout};

use clap::Args;
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::name::TokenId;

use crate::ending::Outcome;
use crate::keeper::{self, Purpose};
use crate::secret::bad_name;
use crate::session::Session;

/// Revokes a token: it is refused at once, and the leases of its consumer end
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret token revoke 1f0e9a3c")]
pub(crate) struct Revoke {
    /// Which, by its id as shown by `token list`
    #[arg(value_name = "ID")]
    id: String,
}

impl Revoke {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let id = TokenId::parse(&self.id).map_err(bad_name)?;
        let mut keeper = keeper::reach(session, Purpose::Use)?;
        let CliAnswer::TokenRevoked(meta) = keeper.ask(&CliRequest::TokenRevoke { id }, None)?.answer else {
            return Err(keeper::unexpected().into());
        };
        keeper.end()?;
        writeln!(stdout(), "revoked token {} of {}", meta.id, meta.consumer)?;
        Ok(())
    }
}
