//! The lease lane: egressd asks, keeperd answers. One lane a worker of egressd.
//!
//! `seq` is chosen by egressd and unique on its lane until closed; answers may come in any order,
//! and an ask that waits for a person
//! may stay open for as long as keeperd has said.

use serde::{Deserialize, Serialize};

use crate::control_lane::Scheme;
use crate::frame::{Message, ValueRule};
use crate::journal::Outcome;
use crate::meta::{LeaseId, RecordSeq};
use crate::name::{Handle, Host, Method, ProviderId};
use crate::refusal::Refusal;

/// Longest path keeperd judges, in bytes. A longer one has no route.
pub const PATH_MAX: usize = 8 * 1024;
/// Longest token keeperd looks at, in bytes.
pub const TOKEN_MAX: usize = 512;

/// Whose request it is, as egressd saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    /// Came in on the loopback port.
    Tcp,
    /// Came in on a Unix socket; peer credentials (unix(7), SO_PEERCRED).
    Unix {
        /// User id.
        uid: u32,
        /// Process id, 0 if it is not known.
        pid: u32,
    },
}

/// egressd to keeperd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseRequest {
    /// Asks for a value for one HTTP request. The value that goes with it is the token the client
    /// presented, if it presented one: keeperd hashes it itself, so a stolen digest is no credential.
    Open {
        /// Names this ask.
        seq: u64,
        /// Who.
        caller: Caller,
        /// From the path.
        provider: ProviderId,
        /// Of the request.
        method: Method,
        /// Behind `/proxy/{provider}`, starting with `/`, without query, as it is to be forwarded.
        path: String,
        /// The secret the client named by `x-ugent-secret`, if it did.
        secret: Option<Handle>,
        /// The ask this one repeats on a fresh connection.
        retry_of: Option<u64>,
    },
    /// Asks whether keeperd's loop turns. It takes a `seq` as an ask does, and is closed by its answer.
    Probe {
        /// Names it.
        seq: u64,
    },
    /// The request is over, and with it any claim on the value. Also legal before the answer:
    /// then the ask is withdrawn and none will come.
    Close {
        /// Names the ask.
        seq: u64,
        /// How it ended.
        outcome: Outcome,
        /// The upstream's status, if there was one.
        status: Option<u16>,
        /// Body bytes from the client.
        bytes_in: u64,
        /// Body bytes to the client.
        bytes_out: u64,
        /// From the ask to the end.
        ms: u64,
        /// Whether the response held the value, which was then replaced by stars.
        echoed: bool,
    },
}

impl Message for LeaseRequest {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Open { .. } => ValueRule::Optional,
            Self::Probe { .. } | Self::Close { .. } => ValueRule::Never,
        }
    }
}

/// Where the value goes in the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inject {
    /// Into a header of its own.
    Header {
        /// Lower case.
        name: String,
        /// What stands before the value, as `Bearer `.
        prefix: String,
    },
    /// Into the query, as the last pair.
    Query {
        /// Letters, digits, `-`, `_` and `.`.
        name: String,
    },
    /// Nowhere: the provider takes no credential, and no value comes with the lease.
    Nothing,
}

/// How soon keeperd must know that a request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Within some milliseconds: a `Close` may wait for the next `Open`.
    Soon,
    /// At once: its grant lets only so many requests be made at a time.
    AtOnce,
}

/// keeperd to egressd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseAnswer {
    /// Leave to make one request, with the value for it: always, but where it is injected nowhere.
    Opened {
        /// Names the ask.
        seq: u64,
        /// Under which lease.
        lease: LeaseId,
        /// Of the upstream.
        scheme: Scheme,
        /// The only host this value may go to.
        host: Host,
        /// Of the upstream.
        port: u16,
        /// Whole upstream path, base URL's path included, without query.
        path: String,
        /// Where to put the value.
        inject: Inject,
        /// How soon its `Close` must come.
        ending: Ending,
        /// Rest of the lease's time. The request itself may last longer.
        ttl_ms: u64,
    },
    /// No value.
    Refused {
        /// Names the ask.
        seq: u64,
        /// What the client may be told.
        refusal: Refusal,
        /// The record that says why; none where nothing could be recorded.
        record: Option<RecordSeq>,
        /// When it may be asked again, where that is known.
        retry_secs: Option<u32>,
    },
    /// The ask waits for a person to approve it, and is answered then or when that time is over.
    Waiting {
        /// Names the ask.
        seq: u64,
        /// How long it may wait from now.
        at_most_ms: u64,
    },
    /// To `Probe`.
    Probed {
        /// Names it.
        seq: u64,
    },
    /// The lease was revoked, and what is in flight under it is to end now: the client's connection
    /// and the provider's closed, the value wiped, and a `Close` sent for each. One that has no
    /// request under it is no breach: their `Close` may have crossed it.
    Cut {
        /// Which.
        lease: LeaseId,
    },
    /// Sent first, and whenever it changes: what `/readyz` needs to know.
    State {
        /// Whether asks will be refused with `vault_locked`.
        locked: bool,
    },
}

impl Message for LeaseAnswer {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Opened { inject: Inject::Nothing, .. } => ValueRule::Never,
            Self::Opened { inject: Inject::Header { .. } | Inject::Query { .. }, .. } => ValueRule::Required,
            Self::Refused { .. }
            | Self::Waiting { .. }
            | Self::Probed { .. }
            | Self::Cut { .. }
            | Self::State { .. } => ValueRule::Never,
        }
    }
}
