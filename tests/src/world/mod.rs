//! A world to try the built binaries in: a home and a workspace of its own, a stand-in provider,
//! made-up values, and commands and brokers that know nothing but these.

mod ask;
mod binaries;
mod broker;
mod canary;
pub mod census;
mod home;
pub mod http;
mod running;
pub mod until;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

pub use binaries::Binaries;
pub use broker::Broker;
pub use canary::{below, key, letters, passphrase};
pub use home::{Home, Snapshot};
pub use running::{Outcome, Running};

use crate::standin::StandIn;
use http::{Answer, Ask, Http};

/// The handle of a world's one key.
pub const HANDLE: &str = "@openai_api_key";

/// A home, a provider, and what is needed to use both.
pub struct World {
    home: Home,
    standin: StandIn,
    binaries: Binaries,
    port: u16,
    key: String,
    passphrase: String,
}

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

    /// Runs it to its end.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.start().outcome()
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Running {
        Running::start(self.command, self.input)
    }
}

impl World {
    /// A home with settings and nothing else in it.
    #[must_use]
    pub fn bare() -> Self {
        Self::with(Binaries::of_this_build())
    }

    /// A home with settings and nothing else in it, for these binaries.
    #[must_use]
    pub fn with(binaries: Binaries) -> Self {
        let key = canary::key();
        let standin = StandIn::start((Ipv4Addr::LOCALHOST, 0).into(), &key).expect("a stand-in starts");
        let world = Self {
            home: Home::new(),
            standin,
            binaries,
            port: free_port(),
            key,
            passphrase: canary::passphrase(),
        };
        world.home.write("ca.pem", world.standin.ca_pem());
        world.home.write("secrets.toml", &world.settings());
        world.home.write("secrets.providers.toml", &world.providers());
        world
    }

    /// A home with a vault.
    #[must_use]
    pub fn with_vault() -> Self {
        Self::bare().initialized()
    }

    /// A home with a vault, a key in it and a grant to use it.
    #[must_use]
    pub fn ready() -> Self {
        Self::with_vault().granted()
    }

    /// The same world with a vault.
    #[must_use]
    pub fn initialized(self) -> Self {
        drop(self.ugent(&["init"]).run().succeeded());
        self
    }

    /// The same world with its key in the vault, and a grant.
    #[must_use]
    pub fn granted(self) -> Self {
        self.add(HANDLE, &self.key);
        self.home.write("secrets.grants.toml", &self.grant());
        self
    }

    /// Its directories.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Its provider.
    #[must_use]
    pub const fn standin(&self) -> &StandIn {
        &self.standin
    }

    /// The port its broker listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The only key its provider accepts.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What opens its vault.
    #[must_use]
    pub fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// The bootstrap token.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn token(&self) -> String {
        let text = fs::read_to_string(self.home.path().join("secrets/broker.token"));
        text.expect("init makes a token").trim_end().to_owned()
    }

    /// `secrets.toml` as it is written: the cheapest KDF, for tests only.
    #[must_use]
    pub fn settings(&self) -> String {
        format!(
            "backend = \"file-vault\"\nlisten = \"127.0.0.1:{}\"\nkdf = {{ memory_kib = 8192, passes = 1 }}\n",
            self.port
        )
    }

    /// `secrets.providers.toml` as it is written: openai is the stand-in.
    #[must_use]
    pub fn providers(&self) -> String {
        format!(
            "[[providers]]\nid = \"openai\"\nbase_url = \"https://localhost:{}\"\nca_file = \"{}\"\nallow_private = true\n",
            self.standin.port(),
            self.home.path().join("ca.pem").display(),
        )
    }

    /// A grant that lets the gateway use the key.
    #[must_use]
    pub fn grant(&self) -> String {
        Self::grant_of("openai_api_key", "ugent-core", "localhost", 300)
    }

    /// A grant of both llm purposes through the gateway.
    #[must_use]
    pub fn grant_of(secret: &str, consumer: &str, host: &str, ttl: u32) -> String {
        format!(
            "[[grants]]\nsecret_ref = \"{secret}\"\nconsumer = \"{consumer}\"\n\
             purposes = [\"llm.chat\", \"llm.embeddings\"]\ndelivery = [\"http_header_inject\"]\n\
             allowed_hosts = [\"{host}\"]\nttl_secs = {ttl}\n"
        )
    }

    /// A command of one of the binaries, in the workspace, with the environment of this world.
    #[must_use]
    pub fn command(&self, binary: &str) -> Call {
        let mut command = Command::new(self.binaries.path(binary));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.around())
            .env("UGENT_HOME", self.home.path())
            .env("UGENT_SECRETS_BACKEND", "file-vault")
            .env("UGENT_SECRETS_PASSPHRASE", &self.passphrase)
            .env("UGENT_LOG", "trace")
            .current_dir(self.home.workspace());
        Call { command, input: Vec::new() }
    }

    /// `ugent secret …`.
    #[must_use]
    pub fn ugent(&self, arguments: &[&str]) -> Call {
        let mut call = self.command("ugent");
        call.command.arg("secret").args(arguments);
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

    /// Starts a broker, unlocked.
    #[must_use]
    pub fn broker(&self) -> Broker<'_> {
        Broker::start(self, self.command("secret-broker").start(), "/readyz")
    }

    /// Starts a broker that has no passphrase.
    #[must_use]
    pub fn locked_broker(&self) -> Broker<'_> {
        let call = self.command("secret-broker").without("UGENT_SECRETS_PASSPHRASE");
        Broker::start(self, call.start(), "/healthz")
    }

    /// A connection to the loopback port.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    #[track_caller]
    pub fn tcp(&self) -> Http {
        Http::tcp(self.port).expect("the port listens")
    }

    /// A connection to the Unix socket.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    #[track_caller]
    pub fn unix(&self) -> Http {
        Http::unix(&self.home.gateway_socket()).expect("the socket listens")
    }

    /// Asks on a connection of its own, with the bootstrap token.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, ask: &Ask) -> Answer {
        self.tcp().ask(&ask.clone().bearer(&self.token())).expect("an answer")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = census::attached_to(self.home.around());
        for process in &left {
            let _ = kill(process.pid, Signal::SIGKILL);
        }
        let names: Vec<_> = left.iter().map(|process| &process.name).collect();
        assert!(left.is_empty() || std::thread::panicking(), "left behind by this world: {names:?}");
    }
}

/// A port that is free now, outside the range the kernel takes ports for connections from, so that
/// it stays so.
fn free_port() -> u16 {
    let port = |number| u16::try_from(15_000 + number).ok();
    until::until("a port is free", || {
        let port = port(canary::below(15_000))?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}
