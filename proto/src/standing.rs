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
    /// PR_SET_NO_NEW_PRIVS is 1.
    NoNewPrivs,
}

crate::name::words!(Layer, "layer", "it is a layer of confinement", {
    NoCore => "no_core",
    Undumpable => "undumpable",
    NoNewPrivs => "no_new_privs",
});

/// What kind of process a child of the launcher is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildKind {
    /// Holds the keys.
    Keeperd,
    /// Speaks HTTP.
    Egressd,
}

crate::name::words!(ChildKind, "process", "it is keeperd or egressd", {
    Keeperd => "keeperd",
    Egressd => "egressd",
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
    pub layers: Vec<Layer>,
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
