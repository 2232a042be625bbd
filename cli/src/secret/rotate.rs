//! `ugent secret rotate`: a new value under a name that exists.

use clap::Args;
use proto::cli_lane::CliRequest;

use super::expires::Expires;
use super::handle;
use super::meta_view::deposited;
use super::token::span;
use super::unlock::{Expected, unlocked_keeper};
use super::value::FromStdin;
use crate::ending::Outcome;
use crate::hazmat::injectable::Injectable;
use crate::session::Session;

/// Deposits a new version of a value, read from stdin
///
/// The next lease uses it; requests and streams in flight finish with the old one, which stays in
/// locked memory of egressd until their responses end. With --keep the version before stays sealed for
/// a while, and `ugent secret rollback` goes back to it.
#[derive(Args)]
#[command(after_help = "Examples:\n  ugent secret rotate @openai_api_key --stdin < new-key.txt\n  \
                  ugent secret rotate @openai_api_key --keep 24h --expires 2030-12-31 --stdin < new-key.txt")]
pub(crate) struct Rotate {
    /// Whose value it is, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
    /// How long the version before may be gone back to, as in 24h; without this it goes at once
    #[arg(long, value_name = "SPAN")]
    keep: Option<String>,
    #[command(flatten)]
    expires: Expires,
    #[command(flatten)]
    value: FromStdin,
}

impl Rotate {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let handle = handle(&self.name)?;
        let keep_ms = self.keep.as_deref().map_or(Ok(0), |text| span("--keep", text))?;
        let expires = self.expires.read()?;
        self.value.check(session)?;
        let value = self.value.read(&handle)?;
        let injectable = Injectable::of(&value);
        let mut keeper = unlocked_keeper(session, Expected::Known(&handle))?;
        let answered = keeper.ask(&CliRequest::Rotate { handle, expires, keep_ms }, Some(value))?;
        keeper.end()?;
        deposited(&mut std::io::stdout().lock(), answered.answer, injectable)
    }
}
