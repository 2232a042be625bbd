//! Commands of a world: they know its home and its passphrase, and nothing else.

use std::process::Command;

use serde_json::Value;

use super::{Binaries, Outcome, Pages, Running, World};

/// A command of `ugent secret`, before it runs.
pub struct Call {
    command: Command,
    input: Vec<u8>,
}

impl Call {
    /// With that on its stdin.
    #[must_use]
    pub fn typing(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// With that in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without that in its environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Under that limit of locked memory, in KiB.
    #[must_use]
    pub fn locking_at_most(self, kib: u32) -> Self {
        let bytes = kib * 1024;
        self.by(&["prlimit", &format!("--memlock={bytes}:{bytes}"), "--"])
    }

    /// With that umask.
    #[must_use]
    pub fn with_umask(self, umask: u32) -> Self {
        self.by(&["sh", "-c", &format!("umask {umask:o}; exec \"$@\""), "sh"])
    }

    /// Without that capability, for good.
    #[must_use]
    pub fn without_capability(self, name: &str) -> Self {
        self.by(&["setpriv", &format!("--bounding-set=-{name}"), "--"])
    }

    /// As on a kernel that answers an error to that call (`call=ERRNO`).
    #[must_use]
    pub fn without_call(self, call: &str) -> Self {
        let starter = Binaries::of_this_build().beside("without-call");
        self.by(&[&starter.display().to_string(), call])
    }

    /// Killed when it makes one of those system calls for that time, before it is made.
    #[must_use]
    pub fn killed_at(self, calls: &str, time: u32) -> Self {
        let (trace, inject) =
            (format!("trace={calls}"), format!("inject={calls}:signal=SIGKILL:when={time}"));
        self.by(&["strace", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, "--"])
    }

    /// Started by another program, which is given it as its last arguments.
    fn by(self, starter: &[&str]) -> Self {
        let (program, arguments) = starter.split_first().expect("a program");
        let mut starts = Command::new(program);
        starts.args(arguments).arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        starts.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = self.command.get_current_dir() {
            starts.current_dir(directory);
        }
        Self { command: starts, input: self.input }
    }

    /// Runs it to its end.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.start().outcome()
    }

    /// As a line for a shell that has the same environment; none of its words has a quote in it.
    #[must_use]
    pub fn shell_line(&self) -> String {
        let words = [self.command.get_program()].into_iter().chain(self.command.get_args());
        words.map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Starts it and keeps its stdin open, to be typed into.
    #[must_use]
    pub fn open(self) -> Running {
        Running::open(self.command)
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Running {
        Running::start(self.command, self.input)
    }
}

impl World {
    /// A command of one of the binaries, in the workspace, with the environment of this world.
    #[must_use]
    pub fn command(&self, binary: &str) -> Call {
        let path = self.binaries.path(binary);
        let mut command = match self.pages {
            Pages::OfTheKernel => Command::new(path),
            Pages::Plain => {
                let mut command = Command::new(Binaries::of_this_build().beside("without-call"));
                command.arg("memfd_secret=ENOSYS").arg(path);
                command
            }
        };
        self.surround(&mut command);
        Call { command, input: Vec::new() }
    }

    /// A script for a shell that knows nothing but this world, with the binaries in its PATH.
    #[must_use]
    pub fn shell(&self, script: &str) -> Call {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]);
        self.surround(&mut command);
        let path = format!("{}:/usr/bin:/bin", self.binaries.path("").display());
        command.env("PATH", path).env_remove("UGENT_LOG");
        Call { command, input: Vec::new() }
    }

    fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.around())
            .env("TMPDIR", self.home.around())
            .env("UGENT_HOME", self.home.path())
            .env("UGENT_SECRETS_BACKEND", "file-vault")
            .env("UGENT_SECRETS_PASSPHRASE", &self.passphrase)
            .env("UGENT_LOG", "trace")
            .env("UGENT_RUN", self.home.run())
            .current_dir(self.home.workspace());
        if let Some(bus) = &self.bus {
            command
                .env_remove("UGENT_SECRETS_BACKEND")
                .env_remove("UGENT_SECRETS_PASSPHRASE")
                .env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
    }

    /// The launcher.
    #[must_use]
    pub fn launcher(&self) -> Call {
        let mut call = self.command("secret-broker");
        call.command.args(self.layout.arguments());
        call
    }

    /// `ugent secret …`.
    #[must_use]
    pub fn ugent(&self, arguments: &[&str]) -> Call {
        let mut call = self.command("ugent");
        call.command.arg("secret").args(self.layout.arguments()).args(arguments);
        call
    }

    /// Adds a secret of provider openai.
    #[track_caller]
    pub fn add(&self, handle: &str, value: &str) {
        let call = self.ugent(&["add", handle, "--provider", "openai", "--kind", "api_key", "--stdin"]);
        drop(call.typing(format!("{value}\n")).run().succeeded());
    }

    /// Rotates a secret.
    #[track_caller]
    pub fn rotate(&self, handle: &str, value: &str) {
        drop(self.ugent(&["rotate", handle, "--stdin"]).typing(format!("{value}\n")).run().succeeded());
    }

    /// Makes a try with the right passphrase, so that wrong ones before it make nobody wait.
    #[track_caller]
    pub fn clear_tries(&self) {
        drop(self.ugent(&["audit", "--verify"]).run().succeeded());
    }

    /// What a command with `--json` prints.
    ///
    /// # Panics
    /// If it fails or prints no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let outcome = self.ugent(arguments).run().succeeded();
        serde_json::from_str(&outcome.stdout).expect("it prints JSON")
    }

    /// Names of all secrets.
    #[must_use]
    #[track_caller]
    pub fn handles(&self) -> Vec<String> {
        let listed = self.json(&["list", "--json"]);
        let rows = listed.as_array().expect("a list").iter();
        rows.filter_map(|row| row.get("handle")?.as_str().map(str::to_owned)).collect()
    }

    /// The journal, a record each, oldest first.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn audit(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = ["audit", "--json"].into_iter().chain(arguments.iter().copied()).collect();
        let outcome = self.ugent(&arguments).run().succeeded();
        outcome.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Records of that event.
    #[must_use]
    #[track_caller]
    pub fn events(&self, event: &str) -> Vec<Value> {
        self.audit(&["--event", event])
    }
}
