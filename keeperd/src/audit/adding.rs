//! Chaining a record behind the others: its seq, its step, its link, and the segment it goes into.
//! Only memory is changed here; `journal` writes it.

use proto::failure::{Failure, FailureClass};
use proto::journal::{Chained, HEADER_LEN, LINK_LEN, Record, SegmentHeader, encode_body};
use proto::meta::RecordSeq;

use super::chain::{keyed_link, plain_link};
use super::journal::Journal;
use super::tail::{Place, no_slot};
use super::walk::record_len;

/// Bytes to be written into one segment.
pub(super) struct Part {
    pub(super) segment: u32,
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl Journal {
    /// Chains a record behind what was added. Changes nothing if it fails.
    pub(super) fn chain(&mut self, mut record: Record) -> Result<RecordSeq, Failure> {
        let Place { mut tip, mut segment, mut end } = self.ahead;
        let seq = RecordSeq(tip.seq.saturating_add(1));
        record.seq = seq;
        record.chained = match &self.keyed {
            Some(keyed) => Chained::Keyed { step: keyed.ahead.step() },
            None => Chained::Plain,
        };
        let body = encode_body(&record).map_err(|_| bug("a record is too long"))?;
        let length = u32::try_from(body.len()).map_err(|_| bug("a record is too long"))?;
        let is_full = end > HEADER_LEN as u64 && end + record_len(body.len()) > self.segment_max;
        let mut bytes = Vec::with_capacity(HEADER_LEN + 4 + body.len() + LINK_LEN);
        if segment == 0 || is_full {
            segment = segment.checked_add(1).ok_or_else(|| bug("the journal has run out of segments"))?;
            end = 0;
        }
        let at = end;
        // The first link of a segment covers the header too.
        let header = SegmentHeader { number: segment, first: seq, before: tip.link }.encode();
        if at == 0 {
            bytes.extend_from_slice(&header);
        }
        let header = (at <= HEADER_LEN as u64).then_some(header.as_slice());
        tip.link = match &mut self.keyed {
            Some(keyed) => {
                let link = keyed_link(&keyed.ahead, &tip.link, header, &body);
                tip.step = Some(keyed.ahead.step());
                keyed.ahead.advance().map_err(|_| no_slot())?;
                link
            }
            None => plain_link(&tip.link, header, &body),
        };
        tip.seq = seq.0;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&tip.link);
        end = at + bytes.len() as u64;
        match self.added.last_mut().filter(|part| part.segment == segment) {
            Some(part) => part.bytes.append(&mut bytes),
            None => self.added.push(Part { segment, at, bytes }),
        }
        self.ahead = Place { tip, segment, end };
        Ok(seq)
    }
}

pub(super) fn bug(what: &str) -> Failure {
    Failure::new(FailureClass::Bug, what, "")
}
