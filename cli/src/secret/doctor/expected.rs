//! What each process of a broker is promised to be held by, as data, for a layout of users.
//!
//! The promises are those of `*/confine/`, written down a second time on purpose: what holds a
//! process is compared with what was promised, not with what its code happens to do.

use proto::control_lane::Account;
use proto::standing::{ChildKind, Layer};

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Launcher,
    Daemon(ChildKind),
}

impl Process {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Launcher => "secret-broker",
            Self::Daemon(kind) => kind.as_str(),
        }
    }

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Launcher => "process.launcher",
            Self::Daemon(ChildKind::Keeperd) => "process.keeperd",
            Self::Daemon(ChildKind::Egressd) => "process.egressd",
            Self::Daemon(ChildKind::Keychaind) => "process.keychaind",
        }
    }
}

/// The promises about one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// All four of its user ids.
    pub(super) uid: u32,
    /// All four of its group ids and no other group, where it has a user of its own.
    pub(super) gid: Option<u32>,
    /// What may be in its permitted and effective sets.
    pub(super) capabilities: u64,
    /// What may be in its bounding set.
    pub(super) bounding: u64,
    /// What it reports to be in force; the launcher reports nothing.
    pub(super) layers: Vec<Layer>,
}

/// Who the processes run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// All of them as this user.
    OneUser(u32),
    /// With `--system`: the launcher is root, each daemon somebody else.
    System { keeper: Account, egress: Account },
}

/// CAP_SETPCAP and CAP_SYS_ADMIN (capabilities(7)): what a root launcher needs for its children to
/// be confined.
const FOR_CHILDREN: u64 = 1 << 8 | 1 << 21;
/// CAP_SETFCAP: the same, for root that lacks those.
const FOR_MAPPING: u64 = 1 << 31;
/// CAP_KILL, CAP_SETGID and CAP_SETUID besides: its children become other users.
const FOR_USERS: u64 = FOR_CHILDREN | 1 << 5 | 1 << 6 | 1 << 7;

const ALWAYS: [Layer; 7] = [
    Layer::NoCore,
    Layer::Undumpable,
    Layer::NoBounding,
    Layer::NoCapabilities,
    Layer::NoNewPrivs,
    Layer::Files,
    Layer::Filter,
];
const KEEPERD: [Layer; 3] = [Layer::NetNamespace, Layer::IpcNamespace, Layer::UtsNamespace];
const KEYCHAIND: [Layer; 3] = KEEPERD;
const EGRESSD: [Layer; 1] = [Layer::TcpPorts];

impl Layout {
    /// The promises about a process in this layout.
    pub(super) fn expected(self, process: Process) -> Expected {
        match process {
            Process::Launcher => self.launcher(),
            Process::Daemon(kind) => self.daemon(kind),
        }
    }

    fn launcher(self) -> Expected {
        let (uid, gid, capabilities, bounding) = match self {
            Self::System { .. } => (0, Some(0), FOR_USERS, FOR_USERS),
            Self::OneUser(0) => (0, None, FOR_CHILDREN | FOR_MAPPING, FOR_CHILDREN | FOR_MAPPING),
            // An ordinary user cannot empty it, and no_new_privs leaves it without effect.
            Self::OneUser(uid) => (uid, None, 0, u64::MAX),
        };
        Expected { uid, gid, capabilities, bounding, layers: Vec::new() }
    }

    fn daemon(self, kind: ChildKind) -> Expected {
        let (own, account): (&[Layer], _) = match (kind, self) {
            (ChildKind::Keeperd, Self::System { keeper, .. }) => (&KEEPERD, Some(keeper)),
            (ChildKind::Egressd, Self::System { egress, .. }) => (&EGRESSD, Some(egress)),
            (ChildKind::Keeperd, Self::OneUser(_)) => (&KEEPERD, None),
            (ChildKind::Egressd, Self::OneUser(_)) => (&EGRESSD, None),
            // With `--system` there is none.
            (ChildKind::Keychaind, Self::OneUser(_) | Self::System { .. }) => (&KEYCHAIND, None),
        };
        let (uid, user) = match self {
            // Root enters the other namespaces without a user namespace.
            Self::OneUser(0) | Self::System { .. } => (account.map_or(0, |account| account.uid), None),
            Self::OneUser(uid) => (uid, Some(Layer::UserNamespace)),
        };
        let layers = user.into_iter().chain(ALWAYS).chain(own.iter().copied()).collect();
        Expected { uid, gid: account.map(|account| account.gid), capabilities: 0, bounding: 0, layers }
    }
}

/// Whether a layer may be missing where the user has said so (`confinement = "best-effort"`).
pub(super) const fn has_a_switch(layer: Layer) -> bool {
    match layer {
        Layer::UserNamespace
        | Layer::NetNamespace
        | Layer::IpcNamespace
        | Layer::UtsNamespace
        // Who cannot enter a user namespace cannot empty it.
        | Layer::NoBounding
        | Layer::Files
        | Layer::TcpPorts
        | Layer::Scopes => true,
        Layer::NoCore | Layer::Undumpable | Layer::NoCapabilities | Layer::NoNewPrivs | Layer::Filter => {
            false
        }
    }
}
