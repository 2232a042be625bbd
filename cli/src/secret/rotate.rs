//! `ugent secret rotate`: a new value under a name that exists.

use clap::Args;
use proto::cli_lane::CliRequest;

use super::handle;
use super::meta_view::deposited;
use super::unlock::{Expected, unlocked_keeper};
use super::value::FromStdin;
use crate::ending::Outcome;
use crate::hazmat::injectable::Injectable;
use crate::session::Session;

/// Deposits a new version of a value, read from stdin
///
/// The next lease uses it; requests and streams in flight finish with the old one, which stays in
/// locked memory of egressd until their responses end.
#[derive(Args)]
#[command(after_help = "Example:\n  ugent secret rotate @openai_api_key --stdin < new-key.txt")]
pub(crate) struct Rotate {
    /// Whose value it is, as in @openai_api_key
    #[arg(value_name = "@NAME")]
    name: String,
    #[command(flatten)]
    value: FromStdin,
}

impl Rotate {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        let handle = handle(&self.name)?;
        self.value.check(session)?;
        let value = self.value.read(&handle)?;
        let injectable = Injectable::of(&value);
        let mut keeper = unlocked_keeper(session, Expected::Known(&handle))?;
        let answered = keeper.ask(&CliRequest::Rotate { handle }, Some(value))?;
        keeper.end()?;
        deposited(&mut std::io::stdout().lock(), answered.answer, injectable)
    }
}
