//! `ugent secret broker …`.

mod broker_log;
mod gone;
mod probe;
pub(in crate::secret) mod process;
mod standing;
mod start;
mod status;
mod stop;

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::session::Session;

/// Starts it in the background, as `broker start` alone does.
pub(super) fn start(session: &mut Session) -> Outcome {
    start::Start::plain().run(session)
}

/// Starts, stops and shows the broker
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret broker start"
)]
pub(crate) struct Broker {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Start(start::Start),
    Stop(stop::Stop),
    Status(status::Status),
}

impl Broker {
    pub(super) fn run(&self, session: &mut Session) -> Outcome {
        match &self.verb {
            Verb::Start(start) => start.run(session),
            Verb::Stop(stop) => stop.run(session),
            Verb::Status(status) => status.run(session),
        }
    }
}
