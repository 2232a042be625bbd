//! `ugent secret plugin …`: programs that are looked after, each with its own values.

mod child;
mod course;
mod file;
mod lender;
mod limits;
mod list;
mod process;
mod run;
mod standing;
mod start;
mod supervise;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::ending::Outcome;
use crate::hazmat::passphrase::Sources;
use crate::home::Home;
use crate::session::Session;
use crate::spawn::Heritage;
use crate::system::Mode;

/// Runs plugins with values in their environments, and looks after them
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Example:\n  ugent secret plugin list"
)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    List(list::List),
    #[command(hide = true)]
    Start(start::Start),
}

/// Where plugins are described.
#[derive(Args)]
struct Config {
    /// The file; plugins.toml of UGENT_HOME unless given
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Plugin {
    pub(super) fn run(&self, mode: Mode, sources: Sources, heritage: &Heritage) -> Outcome {
        match &self.verb {
            // Needs no home: it is a plugin in a moment.
            Verb::Start(start) => start.run(),
            Verb::Run(run) => run.run(Session::open(mode, sources)?, heritage),
            Verb::List(list) => list.run(&Session::open(mode, sources)?),
        }
    }
}

impl Config {
    fn path(&self, home: &Home) -> PathBuf {
        let home: &Path = home.path();
        self.config.clone().unwrap_or_else(|| home.join("plugins.toml"))
    }
}
