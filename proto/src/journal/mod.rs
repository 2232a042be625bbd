//! The journal as keeperd writes it and the CLI reads it: records, and how they lie in segments.
//!
//! Reading needs no key. How links are computed and checked is keeperd's alone.

mod record;
mod segment;
mod verdict;
mod words;

pub use record::{Chained, Record};
pub use segment::{
    BODY_MAX, FORMAT, HEADER_LEN, JournalError, LINK_LEN, MAGIC, RawRecord, SegmentHeader, encode_body,
};
pub use verdict::{Noted, Verdict};
pub use words::{Event, Outcome, Reason};
