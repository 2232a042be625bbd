//! `--system`: one broker for the machine, shared out among three users. keeperd and egressd each
//! run as a user of their own, so that neither can read, signal or trace the other, and the launcher
//! stays root only to start them. Which users those are is looked up here and nowhere else.

use std::path::PathBuf;

use nix::unistd::{Group, User, geteuid};
use proto::control_lane::Account;
use proto::failure::{Failure, FailureClass};

/// Where it keeps what lasts, unless UGENT_HOME says otherwise.
pub(crate) const HOME: &str = "/var/lib/ugent-system";
/// Where its sockets are, unless a service manager has made another place.
const RUN: &str = "/run/ugent";

/// How the work and the files are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All is one user's, who is also the only client.
    OneUser,
    /// Three users, and clients by group.
    System,
}

/// Users, groups and places of a broker of the machine.
#[derive(Clone, Debug)]
pub(crate) struct System {
    /// Holds the keys; `secrets/` is its own.
    pub(crate) keeper: Account,
    /// Speaks HTTP; owns nothing.
    pub(crate) egress: Account,
    /// Group that may use the gateway's socket.
    pub(crate) clients: u32,
    /// Group that may use `keeperd.sock`.
    pub(crate) admins: u32,
    /// Directory of the sockets.
    pub(crate) run: PathBuf,
}

impl System {
    /// Looks them up.
    pub(crate) fn find() -> Result<Self, Failure> {
        // A service manager lists several, if it has made several.
        let given = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
        let run = given.split(':').next().filter(|path| path.starts_with('/')).unwrap_or(RUN).into();
        Ok(Self {
            keeper: account("ugent-keeper")?,
            egress: account("ugent-egress")?,
            clients: group("ugent-clients")?,
            admins: group("ugent-admin")?,
            run,
        })
    }

    pub(crate) fn keeper_socket(&self) -> PathBuf {
        self.run.join("keeperd.sock")
    }

    pub(crate) fn gateway_socket(&self) -> PathBuf {
        self.run.join("gateway.sock")
    }
}

/// Whether this process may become other users. The clients of a broker of the machine may not, and
/// reach it by its sockets only.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// What takes root was asked for by somebody else.
pub(crate) fn takes_root(what: &str) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("{what} takes root with --system"),
        "run it with sudo, or leave --system out for a broker of your own",
    )
}

fn account(name: &str) -> Result<Account, Failure> {
    match User::from_name(name) {
        Ok(Some(user)) if !user.uid.is_root() && user.gid.as_raw() != 0 => {
            Ok(Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        }
        Ok(Some(_)) => {
            let what = format!("the user {name} is root, or of root's group");
            Err(Failure::new(FailureClass::Config, what, "make it a system user of its own"))
        }
        Ok(None) => Err(missing("user", name)),
        Err(error) => Err(unknown("user", name, error)),
    }
}

fn group(name: &str) -> Result<u32, Failure> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(missing("group", name)),
        Err(error) => Err(unknown("group", name, error)),
    }
}

fn missing(kind: &str, name: &str) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("there is no system {kind} {name}, which --system needs"),
        "install packaging/sysusers.d/ugent.conf below /usr/lib/sysusers.d, then: systemd-sysusers",
    )
}

fn unknown(kind: &str, name: &str, error: nix::errno::Errno) -> Failure {
    Failure::new(FailureClass::Io, format!("the {kind} {name} could not be looked up: {error}"), "")
}
