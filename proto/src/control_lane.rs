//! The control lane: launcher (or CLI) to one daemon, on the daemon's fd 0.
//!
//! Only this lane carries file descriptors towards a daemon. End of file ends the daemon.

use serde::{Deserialize, Serialize};

use crate::clients::ClientRules;
use crate::failure::Failure;
use crate::frame::{Message, ValueRule};
use crate::journal::{Noted, Verdict};
use crate::name::{Backend, Consumer, Host, ProviderId};
use crate::standing::{Confinement, LauncherStanding, Strictness};

/// What a keeperd is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Serves a broker: fds are the listening `keeperd.sock`.
    Broker,
    /// Serves one command of the CLI: fds are one cli lane.
    Private,
    /// Checks a journal by the files it is given, and ends. Opens no vault and no catalog, takes
    /// no lock. No fds.
    Verify,
}

/// Cost of Argon2id (RFC 9106 section 3.1), with one lane of parallelism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KdfCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Number of passes.
    pub passes: u32,
}

impl KdfCost {
    /// What a vault is made with unless `secrets.toml` says otherwise.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3 };
    /// The least a vault is made with.
    pub const MIN: Self = Self { memory_kib: 8 * 1024, passes: 1 };
    /// The most a header may ask for: a forged one must not be able to exhaust the machine.
    pub const MAX: Self = Self { memory_kib: 1024 * 1024, passes: 16 };

    /// Whether the cost is within [`KdfCost::MIN`] and [`KdfCost::MAX`].
    #[must_use]
    pub fn is_acceptable(self) -> bool {
        (Self::MIN.memory_kib..=Self::MAX.memory_kib).contains(&self.memory_kib)
            && (Self::MIN.passes..=Self::MAX.passes).contains(&self.passes)
    }
}

/// A user of the system, as its files and processes carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A peer of the gateway's Unix socket that needs no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeer {
    /// As whom it connects.
    pub uid: u32,
    /// Whom it asks as.
    pub consumer: Consumer,
}

/// What a keeper is told where three users share the work (`--system`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// Whom it becomes before it opens anything. `secrets/` is that user's, the rest of the home
    /// is root's.
    pub account: Account,
    /// Who needs no token on the gateway's Unix socket; nobody else does without.
    pub peers: Vec<KnownPeer>,
}

/// Most peers in [`System`]: they go in one frame.
pub const KNOWN_PEERS_MAX: usize = 256;

/// How much a daemon says on its control lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything; still never a value.
    Trace,
}

crate::name::words!(LogLevel, "log level", "it is error, warn, info, debug or trace", {
    Error => "error",
    Warn => "warn",
    Info => "info",
    Debug => "debug",
    Trace => "trace",
});

/// How long the journal's oldest records are kept. Whole segments are cut off, never the last two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Most bytes of all segments together; none: no limit.
    pub max_bytes: Option<u64>,
    /// Most days; none: no limit.
    pub days: Option<u32>,
}

impl Keep {
    /// Less than this could not be kept to: some segments must be there.
    pub const MIN_BYTES: u64 = 16 * 1024 * 1024;
}

/// Settings of a keeperd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartKeeper {
    /// What for.
    pub role: Role,
    /// Absolute path of UGENT_HOME.
    pub home: String,
    /// What `UGENT_SECRETS_BACKEND` or `secrets.toml` ask for, if they do.
    pub backend: Option<Backend>,
    /// Cost for a vault that is made now.
    pub kdf: KdfCost,
    /// Whether peers of the Unix socket may do without a token (`tokenless` in `secrets.toml`).
    pub tokenless: bool,
    /// May make `secrets/` and an empty catalog in it: for `init` only.
    pub create: bool,
    /// Whether the launcher will send `Unlock` at once: nobody of the CLI is let in before.
    pub passphrase_follows: bool,
    /// What to do where the kernel cannot give every layer.
    pub strictness: Strictness,
    /// Three users instead of one. None: everything is the caller's own.
    pub system: Option<System>,
    /// How long records are kept.
    pub keep: Keep,
    /// How much to log.
    pub log: LogLevel,
}

/// A listener that is passed to egressd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerKind {
    /// The loopback port: every request needs a token.
    Tcp,
    /// A Unix socket: its peers are known by their uid, and may need no token.
    Unix,
}

/// Settings of an egressd. Its fds are `lanes` lease lanes, then the listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartEgress {
    /// Counted from 1.
    pub generation: u32,
    /// One worker a lane.
    pub lanes: u16,
    /// One fd each, behind the lanes.
    pub listeners: Vec<ListenerKind>,
    /// How many [`ControlOrder::Transport`] and [`ControlOrder::Anchor`] went before.
    pub transports: u32,
    /// What to do where the kernel cannot give every layer.
    pub strictness: Strictness,
    /// Whom it becomes before it opens anything. None: it stays who it is.
    pub account: Option<Account>,
    /// What its clients may take up.
    pub clients: ClientRules,
    /// How much to log.
    pub log: LogLevel,
}

/// Schemes an upstream may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// To loopback addresses with `allow_private` only.
    Http,
    /// TLS 1.2 or 1.3.
    Https,
}

/// How to reach a provider: all that egressd knows before it has a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// Whose.
    pub provider: ProviderId,
    /// For the connection only; where a request goes is said by its lease.
    pub scheme: Scheme,
    /// Of its base URL.
    pub host: Host,
    /// Of its base URL.
    pub port: u16,
    /// Whether private, loopback and link-local addresses may be dialled.
    pub allow_private: bool,
    /// For TCP and TLS together.
    pub connect_timeout_ms: u32,
    /// Longest silence of the upstream in mid-response; 0: no limit.
    pub idle_timeout_ms: u32,
    /// Whether the value is looked for in responses, and kept until their end for that.
    pub scrub: bool,
    /// In whose shape a client is told that its request goes nowhere.
    pub errors: ErrorShape,
    /// Where a client's token may be besides the places it may be for every provider.
    pub token_slots: Vec<TokenSlot>,
}

/// Whose errors a refusal looks like, so that the provider's own SDK makes its own exception of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorShape {
    /// `{"error":{"message","type","param","code"}}`.
    OpenAi,
    /// `{"error":{"code","message","status"}}`.
    Google,
    /// `{"type":"error","error":{"type","message"}}`.
    Anthropic,
    /// `{"message","code"}`, and for some `object` and `type`.
    Message,
    /// `{"detail"}`.
    Detail,
    /// `{"error"}`, a text.
    Text,
}

crate::name::words!(
    ErrorShape,
    "shape of errors",
    "it is openai, google, anthropic, message, detail or text",
    {
        OpenAi => "openai",
        Google => "google",
        Anthropic => "anthropic",
        Message => "message",
        Detail => "detail",
        Text => "text",
    }
);

/// A place in a request where a client's token may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenSlot {
    /// In that header, behind the prefix.
    Header {
        /// Lower case.
        name: String,
        /// What stands before the token, as `Token `; may be empty.
        prefix: String,
    },
    /// In a pair of the query.
    Query {
        /// Letters, digits, `-`, `_` and `.`.
        name: String,
    },
}

/// Launcher (or CLI) to daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlOrder {
    /// To keeperd, once, first after Hello. One fd, none in the role of verifier.
    StartKeeper(StartKeeper),
    /// To keeperd, with the passphrase. Answered by `Unlocked` or `UnlockFailed`.
    Unlock,
    /// To keeperd: a new egressd with that many lease lanes, which are the fds.
    NewEgress {
        /// Counted from 1.
        generation: u32,
        /// How many lanes.
        lanes: u16,
    },
    /// To keeperd: a lane on which nothing but `Journal` of the cli lane is answered; one fd.
    NewReader,
    /// To a verifier: the sealed head, the checkpoint and the vault's header, read-only; three fds.
    VerifyFiles,
    /// To a verifier: that many segments, read-only, oldest first; may be repeated.
    VerifySegments {
        /// Number of fds, at most [`crate::cli_lane::SEGMENTS_PAGE`].
        count: u16,
    },
    /// To a verifier, with the passphrase: all files were sent. Answered by `Verified` or
    /// `VerifyFailed`.
    Verify {
        /// What the journal must hold, if something was noted.
        noted: Option<Noted>,
    },
    /// To keeperd, whenever it changes.
    Standing(LauncherStanding),
    /// To egressd, before Start: one provider.
    Transport(Transport),
    /// To egressd, before Start: one trust anchor (DER, X.509) of a provider, in addition to the
    /// platform's roots.
    Anchor {
        /// For whose upstream only.
        provider: ProviderId,
        /// The certificate.
        der: Vec<u8>,
    },
    /// To egressd, once.
    StartEgress(StartEgress),
    /// To egressd: accept no more, finish what is in flight, end.
    Drain,
    /// To either: end now, in order.
    Stop,
}

impl Message for ControlOrder {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Unlock | Self::Verify { .. } => ValueRule::Required,
            Self::StartKeeper(_)
            | Self::NewEgress { .. }
            | Self::NewReader
            | Self::VerifyFiles
            | Self::VerifySegments { .. }
            | Self::Standing(_)
            | Self::Transport(_)
            | Self::Anchor { .. }
            | Self::StartEgress(_)
            | Self::Drain
            | Self::Stop => ValueRule::Never,
        }
    }

    fn fds(&self) -> usize {
        match self {
            Self::StartKeeper(start) => match start.role {
                Role::Broker | Role::Private => 1,
                Role::Verify => 0,
            },
            Self::NewReader => 1,
            Self::VerifyFiles => 3,
            Self::VerifySegments { count } => usize::from(*count),
            Self::NewEgress { lanes, .. } => usize::from(*lanes),
            Self::StartEgress(start) => usize::from(start.lanes) + start.listeners.len(),
            Self::Unlock
            | Self::Verify { .. }
            | Self::Standing(_)
            | Self::Transport(_)
            | Self::Anchor { .. }
            | Self::Drain
            | Self::Stop => 0,
        }
    }
}

/// What a running CLI command asked keeperd to ask of the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// Drain and end the broker.
    Stop,
}

/// Daemon to launcher (or CLI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlReport {
    /// Confined, and how; from here on the daemon serves.
    Confined(Confinement),
    /// From keeperd, in the role of a broker: one provider, followed by its anchors. The whole
    /// table is sent at start and again whenever the providers file changes.
    Transport(Transport),
    /// From keeperd: one anchor of a provider.
    Anchor {
        /// Whose.
        provider: ProviderId,
        /// The certificate, DER.
        der: Vec<u8>,
    },
    /// From keeperd: the table is complete.
    TransportsEnd,
    /// Serves. From keeperd: whether it does so without keys.
    Ready {
        /// Always false from egressd.
        locked: bool,
    },
    /// From keeperd, to `Unlock`: the vault is open.
    Unlocked,
    /// From keeperd, to `Unlock`: it is not, and why. The keeper goes on, locked.
    UnlockFailed(Failure),
    /// From a verifier: what it found.
    Verified(Verdict),
    /// From a verifier: it could not look, and why.
    VerifyFailed(Failure),
    /// From keeperd: somebody on the cli lane wishes something of the launcher.
    Wish(Wish),
    /// One line for the log.
    Log {
        /// How bad it is.
        level: LogLevel,
        /// Names, paths and errno texts; never a value, token, body or header line.
        text: String,
    },
    /// The last message: why the daemon ends, or none if it was told to.
    Stopped {
        /// Why.
        failure: Option<Failure>,
    },
}

impl Message for ControlReport {
    fn value_rule(&self) -> ValueRule {
        ValueRule::Never
    }
}
