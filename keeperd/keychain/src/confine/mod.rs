//! Gives up what the helper will not need, and makes the one proof of it.
//!
//! Nothing serves without a [`Confined`], and only this file makes one. What is left is the bus's
//! socket, which is open by then, and two lanes: no file, no other socket, no network.

mod syscalls;

use proto::failure::Failure;
use proto::standing::{Confinement, Layer, NamespaceKind, Strictness};
use unix::fence::Fence;
use unix::jail::{self, Isolation};
use unix::syscalls::{Row, base, killed};

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[base::ROWS, syscalls::ROWS];

/// Nobody can look into this process; nothing secret may be in memory before.
#[must_use]
pub struct Undumpable(jail::Undumpable);

/// No privilege is left.
#[must_use]
pub struct Isolated(jail::Isolated);

/// All but the filters is in force: threads may be started, and nothing may be served yet.
#[must_use]
pub struct Jailed(jail::Jailed);

/// Proof that every layer is in force that must be.
#[must_use]
pub struct Confined(Confinement);

/// The first surrenders, before Start is read.
///
/// # Errors
/// [`Failure`]: the process must end.
pub fn before_start() -> Result<Undumpable, Failure> {
    jail::before_start("keychaind").map(Undumpable)
}

impl Undumpable {
    /// The world it was started in, once the bus is connected.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn isolate(self, strictness: Strictness) -> Result<Isolated, Failure> {
        let namespaces = &[NamespaceKind::Net, NamespaceKind::Ipc, NamespaceKind::Uts];
        self.0.isolate(&Isolation { strictness, namespaces, account: None }).map(Isolated)
    }
}

impl Isolated {
    /// What a thread inherits, before one is started: no file is left.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn jail(self) -> Result<Jailed, Failure> {
        self.0.jail(Fence::closed(), &[Layer::Files]).map(Jailed)
    }
}

impl Jailed {
    /// The last step before a byte of anybody but the launcher is read (INV-08), once every thread
    /// is started.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn confine(self) -> Result<Confined, Failure> {
        self.0.confine(ALLOWED, &[killed::ALWAYS, killed::IN_DAEMONS]).map(Confined)
    }
}

impl Confined {
    /// What holds this process, as the kernel granted it.
    #[must_use]
    pub fn confinement(&self) -> &Confinement {
        &self.0
    }
}
