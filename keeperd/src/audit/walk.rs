//! Going through the bytes of one segment, record by record, and telling a write that a crash cut
//! short from damage. Needs no key. Nothing here may panic on any bytes.

use proto::journal::{HEADER_LEN, JournalError, LINK_LEN, RawRecord, SegmentHeader};

use super::chain::Standing;

/// Pages reach the disk whole and in any order.
const PAGE: usize = 4096;
/// A link whose last bytes are all zero was not written to its end (by chance: 1 in 2^64).
const UNWRITTEN: [u8; 8] = [0; 8];

/// What a segment's bytes begin with.
pub(super) enum Begin<'a> {
    /// Zeros, or nothing: it was made, and the crash came before its first write.
    Never,
    /// A header.
    Header(SegmentHeader, Walk<'a>),
}

/// What comes next.
pub(super) enum Next<'a> {
    /// A complete record; whether it is right is not said.
    Record {
        /// The segment's header, if the record is the first in it: its link covers that too.
        header: Option<&'a [u8]>,
        raw: RawRecord<'a>,
    },
    /// The records end; only zeros are behind.
    End,
    /// The last write was cut short here. Only at the journal's end this is no damage.
    Torn,
    /// No record, and more behind it that looks like records.
    Damage(&'static str),
}

/// A place in a segment.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    header: &'a [u8],
    /// Seq of the last record passed.
    seq: u64,
    at: usize,
}

impl<'a> Walk<'a> {
    /// Begins with a segment's bytes.
    pub(super) fn begin(bytes: &'a [u8]) -> Result<Begin<'a>, JournalError> {
        if is_zero(bytes) {
            return Ok(Begin::Never);
        }
        let header = bytes.get(..HEADER_LEN).ok_or(JournalError::NotASegment)?;
        let decoded = SegmentHeader::decode(header)?;
        let seq = decoded.first.0.saturating_sub(1);
        Ok(Begin::Header(decoded, Self { bytes, header, seq, at: HEADER_LEN }))
    }

    /// Behind the last record passed.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Numbers that the records from here on say they have, whether or not they are right.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let mut ahead = self.clone();
        std::iter::from_fn(move || match ahead.next() {
            Next::Record { raw, .. } => Standing::of(raw.body).map(|standing| standing.seq.0),
            Next::End | Next::Torn | Next::Damage(_) => None,
        })
    }

    /// Takes the next record, or says why there is none.
    pub(super) fn next(&mut self) -> Next<'a> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let before = rest.len();
        match RawRecord::take(&mut rest) {
            Ok(Some(raw)) if raw.link.ends_with(&UNWRITTEN) => {
                self.broken(self.at + (before - rest.len()) - UNWRITTEN.len())
            }
            Ok(Some(raw)) => {
                let header = (self.at == HEADER_LEN).then_some(self.header);
                self.at += before - rest.len();
                self.seq = self.seq.saturating_add(1);
                Next::Record { header, raw }
            }
            Ok(None) if is_zero(rest) => Next::End,
            Ok(None) | Err(_) => self.broken(self.at),
        }
    }

    /// Whether a record that was just passed and does not fit may have been cut within its link: the
    /// last of all, and zeros from within the link on. By chance a link ends so too, so only one
    /// that was found wrong is to be asked about.
    pub(super) fn may_be_cut(&self, raw: &RawRecord<'_>) -> bool {
        raw.link.ends_with(&[0]) && self.bytes.get(self.at..).is_some_and(is_zero)
    }

    /// No record is at `self.at`. A page that never reached the disk is zeros from `zeros_from` to
    /// its end; a cut write has nothing behind it. Anything else was a record once.
    fn broken(&self, zeros_from: usize) -> Next<'a> {
        let page_end = (zeros_from + 1).next_multiple_of(PAGE).min(self.bytes.len());
        if self.bytes.get(zeros_from..page_end).is_some_and(is_zero) || !self.has_record_behind() {
            return Next::Torn;
        }
        Next::Damage("it was changed: it was overwritten, and there are others behind it")
    }

    fn has_record_behind(&self) -> bool {
        (self.at + 1..self.bytes.len()).any(|at| {
            let mut rest = self.bytes.get(at..).unwrap_or_default();
            match RawRecord::take(&mut rest) {
                Ok(Some(raw)) if !raw.link.ends_with(&UNWRITTEN) => {
                    let standing = Standing::of(raw.body);
                    standing.is_some_and(|found| found.seq.0 > self.seq) && raw.record().is_ok()
                }
                Ok(_) | Err(_) => false,
            }
        })
    }
}

/// Bytes a record of that body takes.
pub(super) const fn record_len(body: usize) -> u64 {
    (4 + body + LINK_LEN) as u64
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
