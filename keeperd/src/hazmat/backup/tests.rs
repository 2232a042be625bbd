//! Claims about a backup's bytes.

use proto::control_lane::KdfCost;

use super::*;
use crate::hazmat::samples::{is, secret};

fn made() -> ([u8; HEADER_LEN], Key) {
    make(&secret(b"correct horse"), KdfCost::MIN).unwrap()
}

fn opened(key: &Key, number: u64, piece: &[u8]) -> Result<proto::hazmat::SecretBytes, BackupError> {
    let prefix = *piece.first_chunk::<PREFIX_LEN>().ok_or(BackupError::Cut)?;
    Prefix::parse(prefix)?;
    key.open(number, prefix, &piece[PREFIX_LEN..])
}

#[test]
fn only_its_passphrase_opens_a_header() {
    let (header, _) = made();
    assert!(open(&header, &secret(b"correct horse")).is_ok());
    assert_eq!(open(&header, &secret(b"correct hors")).err(), Some(BackupError::WrongPassphrase));
}

#[test]
fn a_header_that_is_cut_or_has_a_bit_flipped_opens_nothing() {
    let (header, _) = made();
    for length in 0..header.len() {
        let error = open(&header[..length], &secret(b"correct horse")).err();
        assert!(matches!(error, Some(BackupError::Cut | BackupError::None)), "cut at {length}: {error:?}");
    }
    for bit in 0..header.len() * 8 {
        let mut flipped = header;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..8 => BackupError::None,
            8..10 if flipped[8..10] != [0, 0] => BackupError::FromTheFuture,
            _ => BackupError::Damaged,
        };
        assert_eq!(open(&flipped, &secret(b"correct horse")).err(), Some(expected), "bit {bit}");
    }
}

#[test]
fn a_cost_out_of_bounds_is_refused_before_anything_is_derived() {
    let cost = KdfCost { memory_kib: u32::MAX, passes: u32::MAX };
    assert_eq!(make(&secret(b"x"), cost).err(), Some(BackupError::Cost));
    let (mut forged, _) = made();
    forged[12..20].fill(0xFF);
    let end = HEADER_LEN - 32;
    let sum = *blake3::hash(&forged[..end]).as_bytes();
    forged[end..].copy_from_slice(&sum);
    assert_eq!(open(&forged, &secret(b"correct horse")).err(), Some(BackupError::Damaged));
}

#[test]
fn a_piece_opens_only_whole_in_its_place_and_in_its_backup() {
    let ((_, key), (_, other)) = (made(), made());
    let piece = key.seal(3, Kind::Value, &secret(b"a value")).unwrap();
    assert!(is(&opened(&key, 3, &piece).unwrap(), b"a value"));
    assert_eq!(opened(&key, 4, &piece).err(), Some(BackupError::Damaged));
    assert_eq!(opened(&other, 3, &piece).err(), Some(BackupError::Damaged));
    for length in 0..piece.len() {
        assert!(opened(&key, 3, &piece[..length]).is_err());
    }
    for bit in 0..piece.len() * 8 {
        let mut flipped = piece.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&key, 3, &flipped).err(), Some(BackupError::Damaged), "bit {bit}");
    }
}

#[test]
fn what_the_catalog_knows_comes_back_and_nothing_may_follow_it() {
    let (_, key) = made();
    let piece = key.seal_known(0, Kind::Start, &(7_u64, "x".to_owned())).unwrap();
    let plain = opened(&key, 0, &piece).unwrap();
    assert_eq!(decoded::<(u64, String)>(&plain), Ok((7, "x".to_owned())));
    assert_eq!(decoded::<u64>(&plain), Err(BackupError::Damaged));
}
