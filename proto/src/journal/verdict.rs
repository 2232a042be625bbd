//! What a check of the journal found.

use serde::{Deserialize, Serialize};

use super::LINK_LEN;
use crate::meta::RecordSeq;

/// A record that was noted elsewhere: the journal must still hold it as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Which.
    pub seq: RecordSeq,
    /// Its link.
    pub link: [u8; LINK_LEN],
}

/// What a verifier found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every link fits, and the journal reaches the sealed head.
    Whole {
        /// How many records are there.
        records: u64,
        /// How many were there before them and were cut off, as a record among these says.
        cut: u64,
        /// Seq of the last one.
        last: RecordSeq,
        /// Hex of the last link, to note down elsewhere.
        link: String,
        /// How many of them are chained, not keyed (written while locked).
        plain: u64,
        /// Whether an incomplete record behind the last one is to be cut off at the next write.
        torn_tail: bool,
    },
    /// The first thing that is wrong.
    Damaged {
        /// The record at which it shows.
        at: RecordSeq,
        /// The segment's number.
        segment: u32,
        /// What is wrong, as a sentence.
        what: String,
    },
}
