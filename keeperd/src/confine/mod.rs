//! Giving up what a keeper will never need, before a byte of anybody but the launcher is read
//! (INV-08). Without a [`Confined`] nothing serves, and only this file makes one.
//!
//! What holds it is data: the `syscalls` table, and the plan below. INV-03 rests on three of its
//! lines, each enough alone: no row for `socket`, a network namespace of its own, no TCP port.

mod syscalls;

use std::path::Path;

use proto::control_lane::{Role, StartKeeper};
use proto::failure::Failure;
use proto::standing::{Confinement, Layer, NamespaceKind};
use unix::fence::Fence;
use unix::jail::{self, Isolation};
use unix::syscalls::{Row, base, killed, newer_libc};

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[base::ROWS, newer_libc::ROWS, syscalls::ROWS];

/// Nobody can look into this process; nothing secret may be in memory before.
#[must_use]
pub struct Undumpable(jail::Undumpable);

/// No privilege is left, and what is opened now is opened as who this process will be.
#[must_use]
pub struct Isolated(jail::Isolated);

/// All but the filters is in force: threads may be started, and nothing may be served yet.
#[must_use]
pub struct Jailed(jail::Jailed);

/// Proof that this process has given up all it will not need.
#[must_use]
pub struct Confined(Confinement);

/// The first surrenders, before Start is read.
///
/// # Errors
/// [`Failure`]: the process must end.
pub fn before_start() -> Result<Undumpable, Failure> {
    jail::before_start("keeperd").map(Undumpable)
}

impl Undumpable {
    /// The world it was started in, and with `--system` the user, once Start is read and before
    /// anything is opened.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn isolate(self, start: &StartKeeper) -> Result<Isolated, Failure> {
        let isolation = Isolation {
            strictness: start.strictness,
            namespaces: &[NamespaceKind::Net, NamespaceKind::Ipc, NamespaceKind::Uts],
            account: start.system.as_ref().map(|system| system.account),
        };
        self.0.isolate(&isolation).map(Isolated)
    }
}

impl Isolated {
    /// What a thread inherits, once everything was opened and before one is started.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn jail(self, start: &StartKeeper) -> Result<Jailed, Failure> {
        let home = Path::new(&start.home);
        let fence = match start.role {
            // Grants and providers, which editors replace, so that a rule for the files would die.
            Role::Broker | Role::Private => Fence::closed().reading(home).writing(&home.join("secrets")),
            Role::Verify => Fence::closed(),
        };
        // That it reaches no port is the network namespace's work already.
        self.0.jail(fence, &[Layer::Files]).map(Jailed)
    }
}

impl Jailed {
    /// The filters, once every thread is started.
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
