//! One segment of the journal, read in bounded pieces from a descriptor that may still grow.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use proto::failure::{Failure, FailureClass};
use proto::journal::{BODY_MAX, HEADER_LEN, JournalError, LINK_LEN, RawRecord, Record, SegmentHeader};

use crate::ending::{Halt, Outcome};

/// Bytes of one piece; several times the longest record.
const PIECE: usize = 256 * 1024;
const RECORD_MAX: usize = 4 + BODY_MAX + LINK_LEN;
/// How a link ends that was not written to its end (by chance: 1 in 2^64).
const UNWRITTEN: [u8; 8] = [0; 8];

/// A segment, and how far it was read.
pub(super) struct SegmentFile {
    file: File,
    number: u32,
    offset: u64,
}

/// Where reading came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Behind the last record.
    AtEnd,
    /// Before bytes that are no whole record: one that is being written, or damage.
    AtRubble(JournalError),
}

impl SegmentFile {
    /// A segment, at its start.
    pub(super) fn new(fd: OwnedFd, number: u32) -> Self {
        Self { file: File::from(fd), number, offset: 0 }
    }

    /// Whether this file has no name any more: it was cut off, or written anew after its disk had
    /// failed to sync it. What is written from then on is elsewhere.
    pub(super) fn is_nameless(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.nlink() == 0)
    }

    /// Goes on in the file that has the name now, and the same content as far as this one was read.
    pub(super) fn go_on_in(&mut self, fd: OwnedFd) {
        self.file = File::from(fd);
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Gives every whole record from where the last reading ended.
    pub(super) fn read(&mut self, take: &mut dyn FnMut(Record) -> Outcome) -> Result<Rest, Halt> {
        self.read_linked(&mut |record, _| take(record))
    }

    /// As [`SegmentFile::read`], with each record's link.
    pub(super) fn read_linked(
        &mut self,
        take: &mut dyn FnMut(Record, &[u8; LINK_LEN]) -> Outcome,
    ) -> Result<Rest, Halt> {
        let mut piece = vec![0; PIECE];
        loop {
            let filled = self.fill(&mut piece)?;
            let bytes = piece.get(..filled).unwrap_or_default();
            let mut left = bytes;
            if self.offset == 0 {
                match SegmentHeader::decode(bytes) {
                    Ok(_) => left = bytes.get(HEADER_LEN..).unwrap_or_default(),
                    // Made, and its header not yet written.
                    Err(_) if bytes.iter().all(|byte| *byte == 0) => return Ok(Rest::AtEnd),
                    Err(error) => return Err(self.damaged(error).into()),
                }
            }
            let rest = loop {
                let before = left;
                match RawRecord::take(&mut left).and_then(|raw| raw.map(whole).transpose()) {
                    Ok(Some((record, link))) => take(record, link)?,
                    Ok(None) => break Rest::AtEnd,
                    Err(error) => {
                        left = before;
                        break Rest::AtRubble(error);
                    }
                }
            };
            self.offset += (bytes.len() - left.len()) as u64;
            // Cut short by the piece's end, not by the file's: goes on from here.
            let more = filled == PIECE && left.len() < RECORD_MAX && left.len() < filled;
            if !more {
                return Ok(rest);
            }
        }
    }

    /// Damage of this segment, as an error for a person.
    pub(super) fn damaged(&self, error: JournalError) -> Failure {
        Failure::new(
            FailureClass::BadInput,
            format!("segment {} of the journal is damaged at byte {}: {error}", self.number, self.offset),
            "ugent secret audit --verify",
        )
    }

    fn fill(&self, piece: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while let Some(room) = piece.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.file.read_at(room, self.offset + filled as u64) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = format!("segment {} of the journal could not be read: {error}", self.number);
                    return Err(Failure::new(FailureClass::Io, what, ""));
                }
            }
        }
        Ok(filled)
    }
}

/// A record that was written to its end. Behind one that was cut short there is the room that was made
/// for it, which is zeros.
fn whole(raw: RawRecord<'_>) -> Result<(Record, &[u8; LINK_LEN]), JournalError> {
    if raw.link.ends_with(&UNWRITTEN) { Err(JournalError::Torn) } else { Ok((raw.record()?, raw.link)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::journal::{Event, encode_body};
    use proto::meta::{RecordSeq, Timestamp};
    use std::io::Write;

    fn segment(records: u64) -> (File, File) {
        let place = tempfile::NamedTempFile::new().unwrap();
        let mut file = place.reopen().unwrap();
        let header = SegmentHeader { number: 1, first: RecordSeq(1), before: [0; 32] };
        file.write_all(&header.encode()).unwrap();
        for seq in 1..=records {
            file.write_all(&encoded(seq)).unwrap();
        }
        (file, place.reopen().unwrap())
    }

    fn encoded(seq: u64) -> Vec<u8> {
        let mut record = Record::of(Event::LeaseUsed, Timestamp(seq));
        record.seq = RecordSeq(seq);
        let body = encode_body(&record).unwrap();
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&length[..], &body, &[9; 32]].concat()
    }

    fn seqs(segment: &mut SegmentFile) -> (Vec<u64>, Rest) {
        let mut seen = Vec::new();
        let rest = segment.read(&mut |record| {
            seen.push(record.seq.0);
            Ok(())
        });
        (seen, rest.unwrap())
    }

    #[test]
    fn records_across_pieces_are_all_read_once() {
        let (_, file) = segment(20_000);
        assert!(file.metadata().unwrap().len() > 3 * PIECE as u64);
        let (seen, rest) = seqs(&mut SegmentFile::new(file.into(), 1));
        assert_eq!(seen, (1..=20_000).collect::<Vec<_>>());
        assert_eq!(rest, Rest::AtEnd);
    }

    #[test]
    fn a_record_that_is_being_written_is_read_when_it_is_whole() {
        let (mut writer, file) = segment(2);
        let mut segment = SegmentFile::new(file.into(), 1);
        let next = encoded(3);
        writer.write_all(&next[..next.len() - 1]).unwrap();
        assert_eq!(seqs(&mut segment), (vec![1, 2], Rest::AtRubble(JournalError::Torn)));
        writer.write_all(&next[next.len() - 1..]).unwrap();
        assert_eq!(seqs(&mut segment), (vec![3], Rest::AtEnd));
        assert_eq!(seqs(&mut segment), (vec![], Rest::AtEnd));
    }

    #[test]
    fn a_record_that_was_cut_short_in_room_that_was_made_for_it_is_no_damage() {
        let next = encoded(3);
        for written in 1..next.len() - UNWRITTEN.len() {
            let (mut writer, file) = segment(2);
            writer.write_all(&next[..written]).unwrap();
            writer.write_all(&[0; 8192]).unwrap();
            let (seen, rest) = seqs(&mut SegmentFile::new(file.into(), 1));
            assert_eq!(seen, [1, 2], "{written} bytes");
            assert!(matches!(rest, Rest::AtRubble(JournalError::Torn)), "{written} bytes: {rest:?}");
        }
    }

    #[test]
    fn a_segment_that_was_written_anew_is_read_on_in_its_new_file() {
        let (place, anew) = (tempfile::NamedTempFile::new().unwrap(), segment(3).1);
        let mut before = segment(2).1;
        std::io::copy(&mut before, &mut place.reopen().unwrap()).unwrap();
        let mut segment = SegmentFile::new(place.reopen().unwrap().into(), 1);
        assert_eq!(seqs(&mut segment).0, [1, 2]);
        assert!(!segment.is_nameless());
        drop(place);
        assert!(segment.is_nameless());
        segment.go_on_in(anew.into());
        assert_eq!(seqs(&mut segment), (vec![3], Rest::AtEnd));
    }

    #[test]
    fn what_is_no_segment_is_refused() {
        let place = tempfile::NamedTempFile::new().unwrap();
        place.reopen().unwrap().write_all(&[1; 100]).unwrap();
        let mut segment = SegmentFile::new(place.reopen().unwrap().into(), 4);
        assert!(segment.read(&mut |_| Ok(())).is_err());
    }
}
