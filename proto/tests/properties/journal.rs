//! Journal segments: what is written is read back; whatever else is read never panics.

use proptest::collection::vec;
use proptest::prelude::*;
use proto::journal::{
    BODY_MAX, FORMAT, HEADER_LEN, JournalError, LINK_LEN, RawRecord, Record, SegmentHeader, encode_body,
};
use proto::meta::RecordSeq;

use crate::any;

fn laid_out(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let body = encode_body(record).expect("a record fits");
        bytes.extend_from_slice(&u32::try_from(body.len()).expect("bounded").to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&[9; LINK_LEN]);
    }
    bytes
}

/// Reads records until they end or one is not one.
fn read(mut bytes: &[u8]) -> (Vec<Record>, Option<JournalError>) {
    let mut records = Vec::new();
    loop {
        let before = bytes.len();
        match RawRecord::take(&mut bytes).and_then(|raw| raw.map(|raw| raw.record()).transpose()) {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
        assert!(bytes.len() < before, "reading a record moves on");
    }
}

proptest! {
    #[test]
    fn records_are_read_back_as_they_were_written(records in vec(any::record(), 0..8), tail in 0_usize..100) {
        let mut bytes = laid_out(&records);
        bytes.resize(bytes.len() + tail * 4, 0);
        prop_assert_eq!(read(&bytes), (records, None));
    }

    #[test]
    fn a_cut_loses_only_what_was_cut(records in vec(any::record(), 1..6), at in any::<prop::sample::Index>()) {
        let bytes = laid_out(&records);
        let (whole, error) = read(&bytes[..at.index(bytes.len())]);
        prop_assert!(whole.len() < records.len());
        prop_assert_eq!(&whole[..], &records[..whole.len()]);
        prop_assert!(matches!(error, None | Some(JournalError::Torn)));
    }

    #[test]
    fn arbitrary_bytes_are_no_reason_to_panic(bytes in vec(any::<u8>(), 0..3000)) {
        let _ = read(&bytes);
        let _ = SegmentHeader::decode(&bytes);
    }

    #[test]
    fn a_flipped_bit_is_no_reason_to_panic(records in vec(any::record(), 1..4), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = laid_out(&records);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = read(&bytes);
    }

    #[test]
    fn a_header_is_read_back_and_no_other_bytes_are_one(number: u32, first: u64, before: [u8; LINK_LEN], at in 0..24_usize, bit in 0_u8..8) {
        let header = SegmentHeader { number, first: RecordSeq(first), before };
        let mut bytes = header.encode();
        prop_assert_eq!(bytes.len(), HEADER_LEN);
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        bytes[at] ^= 1 << bit;
        prop_assert_ne!(SegmentHeader::decode(&bytes), Ok(header));
    }
}

#[test]
fn a_body_longer_than_a_record_is_malformed_and_allocates_nothing() {
    for length in [u32::try_from(BODY_MAX + 1).unwrap(), u32::MAX] {
        let bytes = length.to_le_bytes();
        assert_eq!(RawRecord::take(&mut &bytes[..]), Err(JournalError::Malformed));
    }
}

#[test]
fn a_body_with_bytes_left_over_is_malformed() {
    let record = Record::of(proto::journal::Event::SecretAdded, proto::meta::Timestamp(1));
    let mut body = encode_body(&record).unwrap();
    body.push(0);
    let raw = RawRecord { body: &body, link: &[0; LINK_LEN] };
    assert_eq!(raw.record(), Err(JournalError::Malformed));
}

#[test]
fn behind_a_record_stands_nothing_or_the_number_of_one_before_it() {
    let mut record = Record::of(proto::journal::Event::LeaseUsed, proto::meta::Timestamp(1));
    record.seq = RecordSeq(5);
    let body = encode_body(&record).unwrap();
    let read = |behind: &[u8]| {
        let body = [&body, behind].concat();
        let raw = RawRecord { body: &body, link: &[0; LINK_LEN] };
        raw.record().map(|record| record.retry_of)
    };
    assert_eq!([read(&[]), read(&[4])], [Ok(None), Ok(Some(RecordSeq(4)))]);
    for behind in [&[0][..], &[5], &[4, 0], &[0x80]] {
        assert_eq!(read(behind), Err(JournalError::Malformed));
    }
    record.retry_of = Some(RecordSeq(5));
    assert_eq!(encode_body(&record), Err(JournalError::Malformed));
}

#[test]
fn a_later_format_is_told_from_damage() {
    let mut bytes = SegmentHeader { number: 1, first: RecordSeq(1), before: [0; LINK_LEN] }.encode();
    bytes[8..10].copy_from_slice(&(FORMAT + 1).to_le_bytes());
    assert_eq!(SegmentHeader::decode(&bytes), Err(JournalError::FromTheFuture));
    bytes[0] ^= 1;
    assert_eq!(SegmentHeader::decode(&bytes), Err(JournalError::NotASegment));
}
