//! A world to try the built binaries in: a home and a workspace of its own, a stand-in provider,
//! made-up values, and commands and brokers that know nothing but these.

mod ask;
mod binaries;
mod broker;
mod call;
mod canary;
mod captured;
pub mod census;
pub mod clock;
mod desktop;
mod doctor;
pub mod files;
mod home;
pub mod http;
pub mod layout;
mod outcome;
pub mod outsider;
mod port;
mod running;
mod settings;
mod terminal;
pub mod until;

use std::fs;
use std::net::Ipv4Addr;
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};

pub use binaries::Binaries;
pub use broker::Broker;
pub use call::Call;
pub use canary::{below, key, key_of, letters, passphrase};
pub use desktop::Desktop;
pub use doctor::Diagnosis;
pub use home::{Home, Snapshot};
pub use layout::Layout;
pub use outcome::Outcome;
pub use running::Running;
pub use terminal::AtTerminal;

use crate::standin::StandIn;
use http::{Answer, Ask, Http};
use port::Port;

/// The handle of a world's one key.
pub const HANDLE: &str = "@openai_api_key";

/// A home, a provider, and what is needed to use both.
pub struct World {
    home: Home,
    standin: StandIn,
    binaries: Binaries,
    layout: Layout,
    port: Port,
    key: String,
    passphrase: String,
    token: OnceLock<String>,
    pages: Pages,
    /// Address of a session bus, where values are to be in a keychain.
    bus: Option<String>,
}

/// What memory the processes of a world find for their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// What the kernel has: `memfd_secret(2)`, if it knows it.
    OfTheKernel,
    /// Locked pages that root can look into, as on a kernel without `memfd_secret(2)`.
    Plain,
}

impl World {
    /// A home with settings and nothing else in it.
    #[must_use]
    pub fn bare() -> Self {
        Self::with(Binaries::of_this_build(), Layout::of_this_run())
    }

    /// The same, whose broker is that however this run is.
    #[must_use]
    pub fn bare_of(layout: Layout) -> Self {
        Self::with(Binaries::of_this_build(), layout)
    }

    /// The same, whose broker is one user's however this run is.
    #[must_use]
    pub fn bare_of_one_user() -> Self {
        Self::bare_of(Layout::OneUser)
    }

    /// A home with a vault, a key in it and a grant, whose broker is one user's however this run is.
    #[must_use]
    pub fn of_one_user() -> Self {
        Self::bare_of_one_user().initialized().granted()
    }

    /// A home with settings and nothing else in it, for these binaries.
    #[must_use]
    pub fn with(binaries: Binaries, layout: Layout) -> Self {
        let key = canary::key();
        let standin = StandIn::start((Ipv4Addr::LOCALHOST, 0).into(), &key).expect("a stand-in starts");
        let world = Self {
            home: Home::make(layout),
            standin,
            binaries,
            layout,
            port: Port::claim(),
            key,
            passphrase: canary::passphrase(),
            token: OnceLock::new(),
            pages: Pages::OfTheKernel,
            bus: None,
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

    /// The same world, and what its processes find from now on.
    #[must_use]
    pub const fn on(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// The same world on that session bus, with no backend asked for and no passphrase.
    #[must_use]
    pub fn on_bus(mut self, address: &str) -> Self {
        self.bus = Some(address.to_owned());
        self.home.write("secrets.toml", &self.settings());
        self
    }

    /// What memory its processes find.
    #[must_use]
    pub const fn pages(&self) -> Pages {
        self.pages
    }

    /// The same world with a vault.
    #[must_use]
    pub fn initialized(self) -> Self {
        if self.bus.is_some() {
            // A keyring that has just begun may be gone from its bus for a moment.
            until::until_true("it is set up", || self.ugent(&["init"]).run().code == Some(0));
        } else {
            drop(self.ugent(&["init"]).run().succeeded());
        }
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
        self.port.number()
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

    /// The bootstrap token, or one like it where there is none.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn token(&self) -> String {
        match self.layout {
            Layout::OneUser => {
                let text = fs::read_to_string(self.home.path().join("secrets/broker.token"));
                text.expect("init makes a token").trim_end().to_owned()
            }
            Layout::System => self.token.get_or_init(|| self.issued("ugent-core")).clone(),
        }
    }

    /// A token for that consumer.
    #[must_use]
    #[track_caller]
    pub fn issued(&self, consumer: &str) -> String {
        let outcome = self.ugent(&["token", "issue", "--consumer", consumer]).run().succeeded();
        outcome.stdout.trim_end().to_owned()
    }

    /// Whose its broker is.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Starts a broker, unlocked.
    #[must_use]
    pub fn broker(&self) -> Broker<'_> {
        Broker::start(self, self.launcher().start(), "/readyz")
    }

    /// Starts a broker that has no passphrase.
    #[must_use]
    pub fn locked_broker(&self) -> Broker<'_> {
        let call = self.launcher().without("UGENT_SECRETS_PASSPHRASE");
        Broker::start(self, call.start(), "/healthz")
    }

    /// Starts a broker, unlocked, whose processes may lock so many KiB each.
    #[must_use]
    pub fn broker_locking_at_most(&self, kib: u32) -> Broker<'_> {
        Broker::start(self, self.launcher().locking_at_most(kib).start(), "/readyz")
    }

    /// Starts a broker, unlocked, as on a kernel that answers an error to that call (`call=ERRNO`).
    #[must_use]
    pub fn broker_without_call(&self, call: &str) -> Broker<'_> {
        Broker::start(self, self.launcher().without_call(call).start(), "/readyz")
    }

    /// A connection to the loopback port.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    #[track_caller]
    pub fn tcp(&self) -> Http {
        Http::tcp(self.port()).expect("the port listens")
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
