//! One record. It has no field a value, a token or a header line would fit in.

use serde::{Deserialize, Serialize};

use super::{Event, Outcome, Reason};
use crate::meta::{LeaseId, RecordSeq, Timestamp};
use crate::name::{Consumer, Delivery, Handle, Host, Purpose, RouteName};

/// Whether a record's link was made with the forward-moving key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chained {
    /// Made while locked: chained, not keyed.
    Plain,
    /// Made with the key of this step, counted from 1 since the vault was made.
    Keyed {
        /// How often the key had moved forward.
        step: u64,
    },
}

/// One record. There is no field a value, a token or a header line would fit in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the names of the audit's documented columns")]
pub struct Record {
    pub seq: RecordSeq,
    pub time: Timestamp,
    pub chained: Chained,
    pub event: Event,
    pub secret: Option<Handle>,
    pub version: Option<u32>,
    pub consumer: Option<Consumer>,
    pub purpose: Option<Purpose>,
    pub delivery: Option<Delivery>,
    pub host: Option<Host>,
    pub route: Option<RouteName>,
    pub lease: Option<LeaseId>,
    pub uid: Option<u32>,
    pub pid: Option<u32>,
    pub outcome: Option<Outcome>,
    pub reason: Option<Reason>,
    pub status: Option<u16>,
    pub bytes_in: Option<u64>,
    pub bytes_out: Option<u64>,
    pub ms: Option<u64>,
    /// How many of its kind this record stands for, where it is not one.
    pub count: Option<u64>,
    /// The record of the use that this one repeats on a fresh connection. Not among the fields that every
    /// record has: it stands behind them (see `segment.rs`).
    #[serde(skip)]
    pub retry_of: Option<RecordSeq>,
}

impl Record {
    /// A record of that event with everything else empty; seq and chaining are set by the journal.
    #[must_use]
    pub const fn of(event: Event, time: Timestamp) -> Self {
        Self {
            seq: RecordSeq(0),
            time,
            chained: Chained::Plain,
            event,
            secret: None,
            version: None,
            consumer: None,
            purpose: None,
            delivery: None,
            host: None,
            route: None,
            lease: None,
            uid: None,
            pid: None,
            outcome: None,
            reason: None,
            status: None,
            bytes_in: None,
            bytes_out: None,
            ms: None,
            count: None,
            retry_of: None,
        }
    }
}
