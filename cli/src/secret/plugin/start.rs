//! What becomes a plugin: this program for a moment, as the supervisor's child, with the plugin's own
//! environment. It ties itself to the supervisor, takes on the limits, and is then the plugin. So nothing
//! has to run between fork and exec in a program with threads. Not for people: it is in no help.

use std::ffi::{CString, OsString};
use std::io::{Write, stderr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use super::file::Plugin;
use crate::ending::{Halt, Outcome};
use crate::hazmat::block::Block;
use crate::hazmat::environment;
use crate::hazmat::start::Program;
use crate::secret::exec::program::{in_path, runnable, told};

/// Where programs are where nobody says.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// It could not be tied to its supervisor, or given its limits.
const UNFIT: u8 = 71;

#[derive(Args)]
pub(super) struct Start {
    #[arg(long)]
    parent: i32,
    #[arg(long)]
    core: u64,
    #[arg(long)]
    memory: Option<u64>,
    #[arg(long)]
    files: Option<u64>,
    #[arg(long)]
    cpu: Option<u64>,
    #[arg(long)]
    directory: Option<PathBuf>,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The command line that does this for a plugin.
pub(super) fn arguments(plugin: &Plugin, core: u64) -> Vec<CString> {
    let mut words: Vec<OsString> = ["ugent", "secret", "plugin", "start"].map(OsString::from).into();
    let mut option = |name: &str, value: Option<OsString>| {
        words.extend(value.map(|value| [OsString::from(name), value]).into_iter().flatten());
    };
    let number = |number: u64| Some(OsString::from(number.to_string()));
    option("--parent", Some(OsString::from(std::process::id().to_string())));
    option("--core", number(core));
    option("--memory", plugin.limits.memory.and_then(number));
    option("--files", plugin.limits.files.and_then(number));
    option("--cpu", plugin.limits.cpu.and_then(number));
    option("--directory", plugin.directory.as_ref().map(|path| path.clone().into_os_string()));
    words.push(OsString::from("--"));
    words.extend(plugin.command.iter().cloned());
    // A NUL is in none of them: the file's were looked at.
    words.iter().filter_map(|word| CString::new(word.as_bytes()).ok()).collect()
}

impl Start {
    pub(super) fn run(&self) -> Outcome {
        // From here on the supervisor's end is this process's end. It may have come before.
        if set_pdeathsig(Some(Signal::SIGKILL)).is_err() || getppid().as_raw() != self.parent {
            return Err(Halt::Said(UNFIT));
        }
        self.limit()?;
        if let Some(directory) = &self.directory
            && let Err(error) = std::env::set_current_dir(directory)
        {
            let _ = writeln!(stderr(), "error: its directory cannot be entered: {error}");
            return Err(Halt::Said(UNFIT));
        }
        let name = self.command.first().cloned().unwrap_or_default();
        let path = if name.as_bytes().contains(&b'/') {
            runnable(name.as_ref()).map(|()| PathBuf::from(&name))
        } else {
            in_path(&name, &std::env::var_os("PATH").unwrap_or_else(|| OsString::from(PATH)))
        };
        let path = path.map_err(|error| told("its program", error))?;
        let string = |bytes: &[u8]| CString::new(bytes).map_err(|_| Halt::Said(UNFIT));
        let program = Program {
            path: string(path.as_os_str().as_bytes())?,
            arguments: self.command.iter().map(|word| string(word.as_bytes())).collect::<Result<_, _>>()?,
            plain: environment::all().into_iter().map(std::borrow::Cow::Borrowed).collect(),
            block: Block::of(&[])?,
        };
        match program.replace() {
            Ok(never) => match never {},
            Err(error) => Err(told("its program", error)),
        }
    }

    fn limit(&self) -> Result<(), Halt> {
        let (_, hard) = getrlimit(Resource::RLIMIT_CORE).map_err(|_| Halt::Said(UNFIT))?;
        let limits = [
            (Resource::RLIMIT_AS, self.memory.map(|memory| (memory, memory))),
            (Resource::RLIMIT_NOFILE, self.files.map(|files| (files, files))),
            (Resource::RLIMIT_CPU, self.cpu.map(|cpu| (cpu, cpu.saturating_add(1)))),
            (Resource::RLIMIT_CORE, Some((self.core.min(hard), hard))),
        ];
        for (resource, limit) in limits {
            let Some((soft, hard)) = limit else { continue };
            if let Err(error) = setrlimit(resource, soft, hard) {
                let _ = writeln!(stderr(), "error: its limits could not be set: {}", error.desc());
                return Err(Halt::Said(UNFIT));
            }
        }
        Ok(())
    }
}
