//! What `broker status` may say of a running broker.

use serde::{Deserialize, Serialize};

use crate::meta::Timestamp;
use crate::name::Backend;

/// A surrender that is in force in a daemon, as that daemon reports it after it was confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// RLIMIT_CORE is 0.
    NoCore,
    /// PR_SET_DUMPABLE is 0: the same user cannot read its memory, environment or descriptors.
    Undumpable,
    /// A user namespace of its own: what capabilities it had to become confined reach nothing.
    UserNamespace,
    /// A network namespace of its own, without an interface that is up.
    NetNamespace,
    /// System V and POSIX message queues, semaphores and shared memory of its own.
    IpcNamespace,
    /// A host name of its own.
    UtsNamespace,
    /// The bounding set is empty: no exec gives a capability.
    NoBounding,
    /// Every other capability set is empty.
    NoCapabilities,
    /// PR_SET_NO_NEW_PRIVS is 1.
    NoNewPrivs,
    /// Landlock: no file but those it was left.
    Files,
    /// Landlock: no TCP port but those it was left.
    TcpPorts,
    /// Landlock: no abstract socket and no signal to a process outside.
    Scopes,
    /// Two system-call filters in every thread.
    Filter,
}

crate::name::words!(Layer, "layer", "it is a layer of confinement", {
    NoCore => "no_core",
    Undumpable => "undumpable",
    UserNamespace => "user_ns",
    NetNamespace => "net_ns",
    IpcNamespace => "ipc_ns",
    UtsNamespace => "uts_ns",
    NoBounding => "no_bounding",
    NoCapabilities => "no_caps",
    NoNewPrivs => "no_new_privs",
    Files => "files",
    TcpPorts => "tcp_ports",
    Scopes => "scopes",
    Filter => "filter",
});

/// What is done where the kernel cannot give every layer (`confinement` in `secrets.toml`).
/// System-call filters, no_new_privs and undumpable are demanded either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// No daemon serves without namespaces and Landlock.
    Required,
    /// They do without what the kernel refuses, and `broker status` shows what is missing.
    BestEffort,
}

crate::name::words!(Strictness, "confinement", "it is required or best-effort", {
    Required => "required",
    BestEffort => "best-effort",
});

/// Namespaces that a daemon may have for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamespaceKind {
    /// Users and capabilities.
    User,
    /// Networks.
    Net,
    /// System V and POSIX message queues, semaphores and shared memory.
    Ipc,
    /// Host name.
    Uts,
}

crate::name::words!(NamespaceKind, "namespace", "it is user, net, ipc or uts", {
    User => "user",
    Net => "net",
    Ipc => "ipc",
    Uts => "uts",
});

/// A namespace a daemon is in, by the inode of /proc/PID/ns/KIND as it read its own: nobody else of
/// the same user can, since it is undumpable. Root can compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Which.
    pub kind: NamespaceKind,
    /// Of the namespace.
    pub inode: u64,
}

/// What holds a daemon, as the kernel granted it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// In the order they were put on.
    pub layers: Vec<Layer>,
    /// The Landlock version in use; 0: none.
    pub landlock_abi: u16,
    /// Where it is.
    pub namespaces: Vec<Namespace>,
}

/// What kind of process a child of the launcher is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildKind {
    /// Holds the keys.
    Keeperd,
    /// Speaks HTTP.
    Egressd,
    /// Speaks with the desktop's keychain, for as long as there is something to say.
    Keychaind,
}

crate::name::words!(ChildKind, "process", "it is keeperd, egressd or keychaind", {
    Keeperd => "keeperd",
    Egressd => "egressd",
    Keychaind => "keychaind",
});

/// One child of the launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStanding {
    /// What it is.
    pub kind: ChildKind,
    /// Counted from 1 for each kind.
    pub generation: u32,
    /// Its process id.
    pub pid: u32,
    /// What holds it.
    pub confinement: Confinement,
}

/// How far a broker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has not served yet.
    Starting,
    /// It serves.
    Serving,
    /// It takes no new requests, and is gone once those in flight are.
    Ending,
}

crate::name::words!(Phase, "phase", "it is starting, serving or ending", {
    Starting => "starting",
    Serving => "serving",
    Ending => "ending",
});

/// What the launcher knows of itself. Sent to keeperd whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LauncherStanding {
    /// Process id of the launcher.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// How far it is.
    pub phase: Phase,
    /// The loopback address, if it listens on one, as `127.0.0.1:18443`.
    pub tcp: Option<String>,
    /// Paths of the gateway's Unix sockets.
    pub sockets: Vec<String>,
    /// Its children that live.
    pub children: Vec<ChildStanding>,
}

/// Whether grants are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantsStanding {
    /// That many are.
    Loaded(u32),
    /// There is no grants file: everything is denied.
    Missing,
    /// The file is refused: everything is denied. Says what is wrong and where.
    Refused(String),
}

/// What keeperd knows of the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperStanding {
    /// Its UGENT_HOME.
    pub home: String,
    /// The backend in use; none before `init`.
    pub backend: Option<Backend>,
    /// Whether the keys are out of memory.
    pub locked: bool,
    /// How many secrets there are.
    pub secrets: u32,
    /// Whether grants are in force.
    pub grants: GrantsStanding,
    /// Why the providers file is refused, if it is; the built-in providers go on.
    pub providers_refused: Option<String>,
    /// Why nothing can be recorded, if nothing can.
    pub journal_broken: Option<String>,
}
