//! `plugin run`: which plugins are meant, and what is left to say when all is over.

use std::io::stdout;
use std::os::fd::AsFd;

use clap::Args;
use proto::failure::{Failure, FailureClass};

use super::Config;
use super::child::Child;
use super::file::{self, Is, Plugin};
use super::process::Outputs;
use super::standing::Held;
use super::supervise::Supervisor;
use crate::ending::Outcome;
use crate::hazmat::mask::Shared;
use crate::keeper;
use crate::session::Session;
use crate::spawn::Heritage;

/// Starts plugins, each with its own values in its environment, and looks after them
///
/// Reads plugins.toml: schema_version = 1, and for each table of plugins: id, command, args, directory, kind,
/// enabled, env_refs = ["PATH"] (variables it gets from here; no others), secret_env_refs = { VAR = "@NAME" },
/// restart_on_rotate, limits = { memory_mib, open_files, cpu_secs, max_failures, healthy_secs,
/// restart_delay_ms, grace_secs } and routing, which is not read. A plugin asks as consumer plugin:ID for the
/// purpose plugin.env, by env_inject, at each start. One that is refused is not started, and says why; others
/// go on. What they write comes in whole lines with their ids, with stars for their values. SIGTERM or Ctrl-C
/// ends them, the last first; a second one at once. SIGHUP tries those again that were refused or given up. The
/// broker has to run.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  ugent secret plugin run\n  ugent secret plugin run my-plugin --config plugins.toml"
)]
pub(super) struct Run {
    /// Only these, also if they are not enabled
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    config: Config,
}

impl Run {
    pub(super) fn run(&self, session: Session, heritage: &Heritage) -> Outcome {
        let plugins = self.meant(file::read(&self.config.path(&session.home))?)?;
        // Before anything is started: without one nothing could be lent.
        if plugins.iter().any(|plugin| !plugin.secrets.is_empty()) {
            keeper::require_broker(&session)?.end()?;
        }
        let failed = |error: std::io::Error| {
            Failure::new(FailureClass::Io, format!("its output could not be used: {error}"), "")
        };
        let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(Shared::new);
        let outputs = Outputs {
            out: copy(stdout().as_fd()).map_err(failed)?,
            err: copy(std::io::stderr().as_fd()).map_err(failed)?,
        };
        let mut children = Vec::new();
        for plugin in plugins {
            let held = Held::take(&session.home, &plugin.id)?;
            children.push(Child::new(plugin, held, outputs.clone(), heritage.core));
        }
        Supervisor::new(children, session)?.run()
    }

    fn meant(&self, plugins: Vec<Plugin>) -> Result<Vec<Plugin>, Failure> {
        let unknown = self.ids.iter().position(|id| !plugins.iter().any(|plugin| plugin.id == *id));
        if let Some(number) = unknown {
            let what = format!("no plugin has the {}. of the ids that were given", number + 1);
            return Err(Failure::new(FailureClass::BadInput, what, "ugent secret plugin list"));
        }
        let is_meant = |plugin: &Plugin| match self.ids.as_slice() {
            [] => plugin.is == Is::Enabled,
            ids => ids.contains(&plugin.id),
        };
        let meant: Vec<Plugin> = plugins.into_iter().filter(is_meant).collect();
        if meant.is_empty() {
            let hint = "name one: ugent secret plugin run ID; or set enabled = true";
            return Err(Failure::new(
                FailureClass::BadInput,
                "no plugin is enabled, so nothing was started",
                hint,
            ));
        }
        Ok(meant)
    }
}
