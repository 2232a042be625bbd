//! How a record is chained to the one before, and the check that it is.
//!
//! A link is BLAKE3 over a domain, the link before, the segment's header where the record is the
//! first in its segment, and the record's body; keyed with its step's key while the vault is open.
//! Steps count keyed records from 1, so the key says which record is next and none can be left out.

use std::cmp::Ordering;

use proto::journal::{Chained, RawRecord, SegmentHeader};
use proto::meta::{RecordSeq, Timestamp};

use crate::hazmat::chain_key::{ChainKey, LINK_LEN};

/// A link.
pub(super) type Link = [u8; LINK_LEN];
/// The link before the first record of all.
pub(super) const NO_LINK: Link = [0; LINK_LEN];

/// The link of a record made while locked.
pub(super) fn plain_link(before: &Link, header: Option<&[u8]>, body: &[u8]) -> Link {
    let mut hasher = blake3::Hasher::new();
    for part in parts(b"ugent journal, plain", before, header, body) {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// The link of a record made with that key.
pub(super) fn keyed_link(key: &ChainKey, before: &Link, header: Option<&[u8]>, body: &[u8]) -> Link {
    key.link(&parts(b"ugent journal, keyed", before, header, body).concat())
}

/// All parts but the last are of fixed length, so no two records have the same parts in a row.
fn parts<'a>(
    domain: &'static [u8; 20],
    before: &'a Link,
    header: Option<&'a [u8]>,
    body: &'a [u8],
) -> [&'a [u8]; 5] {
    match header {
        Some(header) => [domain, before, b"\x01", header, body],
        None => [domain, before, b"\x00", b"", body],
    }
}

/// Records that should be here are not, and the next one is of later.
pub(super) const MISSING: &str = "records are missing before it";
/// A record of before stands here, or one of later whose place is another.
pub(super) const DISORDERED: &str = "it is repeated or out of order";

/// What a record says of its own place; the start of its body.
pub(super) struct Standing {
    pub(super) seq: RecordSeq,
    pub(super) chained: Chained,
}

impl Standing {
    /// Reads the first three fields of a [`proto::journal::Record`].
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let ((seq, _, chained), _) =
            postcard::take_from_bytes::<(RecordSeq, Timestamp, Chained)>(body).ok()?;
        Some(Self { seq, chained })
    }
}

/// Where a walk along the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// Of the last record; 0 before the first.
    pub(super) seq: u64,
    /// Of the last record.
    pub(super) link: Link,
    /// Of the last keyed record; none where that is not known.
    pub(super) step: Option<u64>,
}

impl Tip {
    /// Before the first record of all.
    pub(super) const START: Self = Self { seq: 0, link: NO_LINK, step: Some(0) };

    /// Before the first record of a segment whose predecessors are not looked at.
    pub(super) const fn before(header: &SegmentHeader) -> Self {
        Self { seq: header.first.0.saturating_sub(1), link: header.before, step: None }
    }
}

/// Walks along the chain and checks what can be checked with the key it has.
pub(super) struct Checker {
    pub(super) tip: Tip,
    /// Of the first step that can be checked; moves forward from there. Links of earlier steps
    /// are taken as they are.
    pub(super) key: Option<ChainKey>,
    /// How many plain records were passed.
    pub(super) plain: u64,
}

/// What is wrong with a record, or that it could not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// As a sentence.
    Record(&'static str),
    /// No locked memory is left for the next key.
    NoSlot,
}

impl Checker {
    pub(super) const fn new(tip: Tip, key: Option<ChainKey>) -> Self {
        Self { tip, key, plain: 0 }
    }

    /// Whether a segment goes on where the walk is.
    pub(super) fn fits(&self, header: &SegmentHeader) -> bool {
        header.first.0.checked_sub(1) == Some(self.tip.seq) && header.before == self.tip.link
    }

    /// The number that the next record must have; none has 0.
    pub(super) fn due(&self) -> u64 {
        self.tip.seq.checked_add(1).unwrap_or(0)
    }

    /// Takes the next record.
    pub(super) fn pass(&mut self, header: Option<&[u8]>, raw: &RawRecord<'_>) -> Result<(), Wrong> {
        let standing =
            Standing::of(raw.body).ok_or(Wrong::Record("it was changed: it is no record any more"))?;
        match standing.seq.0.cmp(&self.due()) {
            Ordering::Less => return Err(Wrong::Record(DISORDERED)),
            Ordering::Greater => return Err(Wrong::Record(MISSING)),
            Ordering::Equal => {}
        }
        match standing.chained {
            Chained::Plain => {
                if plain_link(&self.tip.link, header, raw.body) != *raw.link {
                    return Err(Wrong::Record("it was changed, or does not belong behind the one before"));
                }
                self.plain += 1;
            }
            Chained::Keyed { step } => {
                if self.tip.step.is_some_and(|last| last.checked_add(1) != Some(step)) {
                    return Err(Wrong::Record("it was changed: its key is not the one that is due"));
                }
                self.pass_keyed(step, header, raw)?;
                self.tip.step = Some(step);
            }
        }
        self.tip.seq = standing.seq.0;
        self.tip.link = *raw.link;
        Ok(())
    }

    fn pass_keyed(&mut self, step: u64, header: Option<&[u8]>, raw: &RawRecord<'_>) -> Result<(), Wrong> {
        let Some(key) = self.key.as_mut().filter(|key| key.step() <= step) else {
            return Ok(());
        };
        if key.step() != step {
            return Err(Wrong::Record("keyed records are missing before it"));
        }
        if keyed_link(key, &self.tip.link, header, raw.body) != *raw.link {
            return Err(Wrong::Record("it was changed, or does not belong behind the one before"));
        }
        key.advance().map_err(|_| Wrong::NoSlot)
    }
}
