//! Gives up what egressd will not need, and makes the one proof of it.
//!
//! Nothing serves without a [`Confined`], and only this file makes one. What holds the process is
//! data: the `syscalls` table, and the plan below (INV-07): no file, no port but the given ones.

mod syscalls;

use proto::control_lane::Account;
use proto::failure::Failure;
use proto::standing::{Confinement, Layer, Strictness};
use unix::fence::Fence;
use unix::jail::{self, Isolation};
use unix::syscalls::{Row, base, killed};

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[base::ROWS, syscalls::ROWS];

/// Nobody can look into this process; nothing secret may be in memory before.
#[must_use]
pub struct Undumpable(jail::Undumpable);

/// No privilege is left, and what is opened now is opened as who this process will be.
#[must_use]
pub struct Isolated(jail::Isolated);

/// All but the filters is in force: threads may be started, and nothing may be served yet.
#[must_use]
pub struct Jailed(jail::Jailed);

/// Proof that every layer is in force that must be.
pub struct Confined(Confinement);

/// What needs no preparation: given up before the launcher's first byte is read, so that nobody of
/// the same user can look into the process while it learns its settings.
///
/// # Errors
/// [`Failure`]: the process must end.
pub fn before_start() -> Result<Undumpable, Failure> {
    jail::before_start("egressd").map(Undumpable)
}

impl Undumpable {
    /// Every privilege, and with `--system` the user, once Start is read and before anything is
    /// opened. The network is its work, so it has no network namespace.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn isolate(self, strictness: Strictness, account: Option<Account>) -> Result<Isolated, Failure> {
        self.0.isolate(&Isolation { strictness, namespaces: &[], account }).map(Isolated)
    }
}

impl Isolated {
    /// What a thread inherits, once everything was opened and before one is started. Those ports
    /// alone can be connected to.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn jail(self, ports: &[u16]) -> Result<Jailed, Failure> {
        let fence = ports.iter().fold(Fence::closed(), |fence, port| fence.connecting(*port));
        self.0.jail(fence, &[Layer::Files, Layer::TcpPorts]).map(Jailed)
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
