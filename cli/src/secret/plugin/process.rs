//! A plugin's process: started with its values in its environment, in a group of its own, its output on the
//! way through the mask. The values are wiped here once it has them, but for what is looked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{PipeWriter, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use super::file::Plugin;
use super::start;
use crate::ending::no_slot;
use crate::hazmat::block::{Block, Filled};
use crate::hazmat::environment;
use crate::hazmat::mask::{Patterns, Pump, Shared, Tagged, To};
use crate::hazmat::start::{Group, Program, Redirection};
use crate::secret::exec::lent::Value;

/// Where all plugins write to.
#[derive(Clone)]
pub(super) struct Outputs {
    pub(super) out: Shared,
    pub(super) err: Shared,
}

/// A process.
pub(super) struct Running {
    pub(super) pid: Pid,
    pub(super) since: Instant,
    pub(super) versions: BTreeMap<Handle, u32>,
    pub(super) pumps: Vec<Pump>,
    /// Closed when it is over.
    pub(super) over: PipeWriter,
    pub(super) ending: Option<Ending>,
}

/// It was told to end.
pub(super) struct Ending {
    pub(super) then: Then,
    /// When it is killed; none once it was.
    pub(super) kill_at: Option<Instant>,
}

/// What follows when it has ended as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Start,
    Stay,
}

impl Running {
    /// Starts it.
    pub(super) fn start(
        plugin: &Plugin,
        values: &[Value],
        outputs: &Outputs,
        core: u64,
        mask: &SigSet,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(FailureClass::Io, format!("it could not be started: {error}"), "")
        };
        let filled: Vec<Filled<'_>> = plugin
            .secrets
            .iter()
            .filter_map(|(name, handle)| {
                let found = values.iter().find(|value| value.handle == *handle)?;
                Some(Filled { name, value: &found.value })
            })
            .collect();
        let program = Program {
            path: ourselves().map_err(failed)?,
            arguments: start::arguments(plugin, core),
            plain: plain(&plugin.plain),
            block: Block::of(&filled).map_err(no_slot)?,
        };
        let all: Vec<_> = values.iter().map(|value| &value.value).collect();
        let patterns = Arc::new(Patterns::of(&all).map_err(no_slot)?);
        let (is_over, over) = pipe().map_err(failed)?;
        let is_over = Arc::new(OwnedFd::from(is_over));
        let mut pumps = Vec::new();
        let mut theirs = Vec::new();
        for (number, to) in [(1, &outputs.out), (2, &outputs.err)] {
            let (from, end) = pipe().map_err(failed)?;
            let to = To::Lines(Tagged::new(to, &plugin.id));
            pumps.push(Pump::start(&patterns, from.into(), to, &is_over)?);
            theirs.push((number, OwnedFd::from(end)));
        }
        theirs.push((0, File::open("/dev/null").map_err(failed)?.into()));
        let redirections: Vec<Redirection<'_>> =
            theirs.iter().map(|(number, to)| Redirection { number: *number, to: to.as_fd() }).collect();
        let pid =
            program.spawn(&redirections, &[], mask, Group::ItsOwn).map_err(|error| failed(error.into()))?;
        let versions = values.iter().map(|value| (value.handle.clone(), value.version)).collect();
        Ok(Self { pid, since: Instant::now(), versions, pumps, over, ending: None })
    }

    /// To it and all that it has started in its group. One that is gone is found when it is waited for.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = killpg(self.pid, signal);
    }
}

/// This program, as the kernel knows it: also if its file was replaced meanwhile.
fn ourselves() -> std::io::Result<CString> {
    let path = std::env::current_exe()?;
    let path = if path.exists() { path } else { "/proc/self/exe".into() };
    CString::new(path.as_os_str().as_bytes()).map_err(std::io::Error::other)
}

/// Those of our variables that it is to have.
fn plain(names: &[String]) -> Vec<Cow<'static, CStr>> {
    let is_named = |text: &&CStr| {
        let name = text.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        names.iter().any(|wanted| wanted.as_bytes() == name)
    };
    environment::all().into_iter().filter(is_named).map(Cow::Borrowed).collect()
}
