//! `--system`: one broker for the machine, shared out among three users. keeperd and egressd each
//! run as a user of their own, so that neither can read, signal or trace the other, and the launcher
//! stays root only to start them. Which users those are is looked up here and nowhere else.

use std::path::PathBuf;

use nix::unistd::{Group, User, geteuid};
use proto::control_lane::Account;
use proto::failure::{Failure, FailureClass};

/// Where it keeps what lasts, unless UGENT_HOME says otherwise.
pub(crate) const HOME: &str = "/var/lib/ugent-system";
/// Where its sockets are, unless UGENT_RUN says otherwise.
const RUN: &str = "/run/ugent";

/// How the work and the files are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
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
        let run = std::env::var_os("UGENT_RUN").filter(|path| !path.is_empty());
        let run = run.map_or_else(|| PathBuf::from(RUN), PathBuf::from);
        if !run.is_absolute() {
            return Err(config("UGENT_RUN is not an absolute path".to_owned(), format!("UGENT_RUN={RUN}")));
        }
        let system = Self {
            keeper: account("ugent-keeper")?,
            egress: account("ugent-egress")?,
            clients: group("ugent-clients")?,
            admins: group("ugent-admin")?,
            run,
        };
        match system.shared() {
            None => Ok(system),
            Some(what) => Err(config(
                format!("with --system {what}"),
                "give each of ugent-keeper, ugent-egress, ugent-clients and ugent-admin an id of its own"
                    .to_owned(),
            )),
        }
    }

    /// What is one and the same where walls between users rest on its being two.
    fn shared(&self) -> Option<&'static str> {
        let groups = [self.clients, self.admins];
        if self.keeper.uid == self.egress.uid {
            Some("ugent-keeper and ugent-egress are the same user")
        } else if self.keeper.gid == self.egress.gid {
            Some("ugent-keeper and ugent-egress are in the same group")
        } else if self.clients == self.admins {
            Some("ugent-clients and ugent-admin are the same group")
        } else if groups.contains(&self.keeper.gid) || groups.contains(&self.egress.gid) {
            Some("a daemon is in the group of those who may use it")
        } else {
            None
        }
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
            Err(config(what, "make it a system user of its own".to_owned()))
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

fn config(what: String, hint: String) -> Failure {
    Failure::new(FailureClass::Config, what, hint)
}

fn unknown(kind: &str, name: &str, error: nix::errno::Errno) -> Failure {
    Failure::new(FailureClass::Io, format!("the {kind} {name} could not be looked up: {error}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_ids_are_four() {
        let system = |keeper: (u32, u32), egress: (u32, u32), clients, admins| System {
            keeper: Account { uid: keeper.0, gid: keeper.1 },
            egress: Account { uid: egress.0, gid: egress.1 },
            clients,
            admins,
            run: PathBuf::from(RUN),
        };
        assert_eq!(system((1, 1), (2, 2), 3, 4).shared(), None);
        for (keeper, egress, clients, admins) in [
            ((1, 1), (1, 2), 3, 4),
            ((1, 1), (2, 1), 3, 4),
            ((1, 1), (2, 2), 3, 3),
            ((1, 1), (2, 3), 3, 4),
            ((1, 4), (2, 2), 3, 4),
        ] {
            assert!(system(keeper, egress, clients, admins).shared().is_some());
        }
    }
}
