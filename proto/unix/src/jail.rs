//! From a process as it was started to one that is held, in the one order that works (INV-08):
//!
//! no cores, (without privilege) a user namespace, undumpable: [`before_start`]. Then Start is read.
//! Then other namespaces, (with `--system`) another user, capabilities, no_new_privs:
//! [`Undumpable::isolate`]. Then everything is opened, without a privilege and as who the process
//! will be. Then Landlock: [`Isolated::jail`]. Then threads are started. Then the filters:
//! [`Jailed::confine`].
//!
//! A surrender that fails ends the process. Only namespaces and Landlock, and only where the user
//! has said so ([`Strictness::BestEffort`]), may be missing; then they are missing in what is
//! reported too.

use std::io;

use proto::control_lane::Account;
use proto::failure::{Failure, FailureClass};
use proto::standing::{Confinement, Layer, Namespace, NamespaceKind, Strictness};

use crate::fence::{Fence, Raised};
use crate::namespaces::{self, User};
use crate::surrender;
use crate::syscalls::{self, Row};

/// What takes a process out of the world it was started in.
#[derive(Debug)]
pub struct Isolation<'a> {
    /// What the kernel's refusal means.
    pub strictness: Strictness,
    /// Namespaces of its own.
    pub namespaces: &'a [NamespaceKind],
    /// Whom it becomes, if somebody else.
    pub account: Option<Account>,
}

/// This process cannot leave a core and cannot be looked into. Nothing secret may be in memory
/// before.
#[derive(Debug)]
#[must_use]
pub struct Undumpable {
    process: &'static str,
    layers: Vec<Layer>,
    /// Why it is in no user namespace although it needs one.
    missing: Option<io::Error>,
}

/// This process has no privilege left, and is who it will be.
#[derive(Debug)]
#[must_use]
pub struct Isolated {
    process: &'static str,
    layers: Vec<Layer>,
    namespaces: Vec<Namespace>,
    strictness: Strictness,
}

/// This thread, and each it starts, is held by all but the filters.
#[derive(Debug)]
#[must_use]
pub struct Jailed {
    process: &'static str,
    confinement: Confinement,
}

/// What needs no preparation, before Start is read.
///
/// # Errors
/// [`Failure`]: the process must end.
pub fn before_start(process: &'static str) -> Result<Undumpable, Failure> {
    let required = |what, result| always(process, what, result);
    let mut layers = vec![required("RLIMIT_CORE", surrender::cores())?];
    let user = namespaces::user().map_err(|error| lacks(process, "a user namespace", &error))?;
    let missing = match user {
        User::Entered => {
            layers.push(Layer::UserNamespace);
            None
        }
        User::NotNeeded => None,
        User::Refused(error) => Some(error),
    };
    layers.push(required("PR_SET_DUMPABLE", surrender::dumpable())?);
    Ok(Undumpable { process, layers, missing })
}

impl Undumpable {
    /// Namespaces, the user, and every privilege: before anything is opened, so that what is opened
    /// is what that user may open.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn isolate(self, isolation: &Isolation<'_>) -> Result<Isolated, Failure> {
        let Self { process, mut layers, missing } = self;
        let strictness = isolation.strictness;
        if let (Some(error), Strictness::Required) = (&missing, strictness) {
            return Err(lacks(process, "a user namespace", error));
        }
        for kind in isolation.namespaces {
            match (namespaces::enter(*kind), strictness) {
                (Ok(layer), _) => layers.push(layer),
                (Err(error), Strictness::Required) => {
                    return Err(lacks(process, &format!("the {kind} namespace"), &error));
                }
                (Err(_), Strictness::BestEffort) => {}
            }
        }
        match missing {
            None => layers.push(always(process, "the bounding set", surrender::bounding())?),
            // It cannot be changed then, and no_new_privs leaves it without an effect.
            Some(_) => layers.extend(surrender::bounding().ok()),
        }
        if let Some(account) = isolation.account {
            always(process, "its own user", surrender::user(account))?;
        }
        layers.push(always(process, "capabilities", surrender::capabilities())?);
        layers.push(always(process, "PR_SET_NO_NEW_PRIVS", surrender::new_privileges())?);
        Ok(Isolated { process, layers, namespaces: namespaces::ours(), strictness })
    }
}

impl Isolated {
    /// The fence, once everything was opened and before a thread is started. What is demanded of
    /// it must be closed for the process to be held.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn jail(self, fence: Fence, demanded: &[Layer]) -> Result<Jailed, Failure> {
        let Self { process, mut layers, namespaces, strictness } = self;
        let raised = match (fence.raise(), strictness) {
            (Ok(raised), Strictness::Required) => complete(raised, demanded),
            (Ok(raised), Strictness::BestEffort) => Ok(raised),
            (Err(error), Strictness::Required) => Err(error),
            (Err(_), Strictness::BestEffort) => Ok(Raised { abi: 0, layers: Vec::new() }),
        };
        let Raised { abi: landlock_abi, layers: closed } =
            raised.map_err(|error| lacks(process, "Landlock", &error))?;
        layers.extend(closed);
        Ok(Jailed { process, confinement: Confinement { layers, landlock_abi, namespaces } })
    }
}

impl Jailed {
    /// The filters, on every thread there is; no other can be started after. Returns what holds
    /// this process, as the kernel granted it.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub fn confine(mut self, allowed: &[&[Row]], killed: &[&[Row]]) -> Result<Confinement, Failure> {
        let filter = always(self.process, "system-call filters", syscalls::install(allowed, killed))?;
        self.confinement.layers.push(filter);
        Ok(self.confinement)
    }
}

fn complete(raised: Raised, demanded: &[Layer]) -> io::Result<Raised> {
    match demanded.iter().find(|layer| !raised.layers.contains(layer)) {
        None => Ok(raised),
        Some(layer) => {
            Err(io::Error::other(format!("version {} of this kernel knows no {layer}", raised.abi)))
        }
    }
}

/// What has no switch.
fn always<T>(process: &str, what: &str, result: io::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| {
        Failure::new(
            FailureClass::Config,
            format!("{process} could not be confined: {what}: {error}"),
            "this is required and has no switch: run on Linux 5.11 or later, outside of sandboxes that forbid it",
        )
    })
}

/// What may be missing if the user says so.
fn lacks(process: &str, what: &str, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("{process} could not be confined: {what}: {error}"),
        format!(
            "let {process} have it (an AppArmor profile with `userns,` for it; sysctl user.max_user_namespaces; \
             Linux 6.7 or later with Landlock), or do without: confinement = \"best-effort\" in secrets.toml"
        ),
    )
}
