//! How records lie in a segment.
//!
//! A segment is a file `secrets/audit/NNNNNNNN.journal`, preallocated, so its tail is zeros:
//!
//! ```text
//! header (64 bytes): magic "UGENTJRN" | u16 format | u16 0 | u32 segment number
//!                    | u64 seq of its first record | 8 bytes 0 | 32 bytes link before its first record
//! record:            u32 length of body | body (postcard of Record) | 32 bytes link
//! ```
//!
//! Behind the fields of a record that repeats another stands the number of that one, as postcard
//! writes it; behind all others, nothing. All integers are little-endian; a length of 0, or the end of the file, ends the records. How a
//! link is computed and checked is keeperd's (`keeperd/src/audit/chain.rs`): reading needs no key.

use super::Record;
use crate::meta::RecordSeq;

/// First bytes of every segment.
pub const MAGIC: [u8; 8] = *b"UGENTJRN";
/// The segment format this build reads and writes.
pub const FORMAT: u16 = 1;
/// Bytes before a segment's first record.
pub const HEADER_LEN: usize = 64;
/// Bytes of a link.
pub const LINK_LEN: usize = 32;
/// Longest body of a record; a longer one is damage.
pub const BODY_MAX: usize = 4096;

/// A segment's header, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Counted from 1; also the file's name.
    pub number: u32,
    /// Seq of the first record in it.
    pub first: RecordSeq,
    /// Link of the record before, zeros at the very start.
    pub before: [u8; LINK_LEN],
}

/// Why bytes are not a segment or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// Too short, or not a segment at all.
    NotASegment,
    /// Written by a later version of this software.
    FromTheFuture,
    /// The record at this place is cut short.
    Torn,
    /// The record at this place is not one.
    Malformed,
}

impl std::fmt::Display for JournalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotASegment => "it is not a journal segment",
            Self::FromTheFuture => "its format is newer than this software",
            Self::Torn => "a record is cut short",
            Self::Malformed => "a record is malformed",
        })
    }
}

impl std::error::Error for JournalError {}

impl SegmentHeader {
    /// The bytes as they stand in the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.before);
        bytes
    }

    /// Decodes the first [`HEADER_LEN`] bytes of a segment; only what `encode` writes is accepted.
    ///
    /// # Errors
    /// [`JournalError::NotASegment`] or [`JournalError::FromTheFuture`].
    pub fn decode(bytes: &[u8]) -> Result<Self, JournalError> {
        let mut rest = bytes;
        if *take::<8>(&mut rest)? != MAGIC {
            return Err(JournalError::NotASegment);
        }
        let format = u16::from_le_bytes(*take(&mut rest)?);
        if format > FORMAT {
            return Err(JournalError::FromTheFuture);
        }
        let zeros = *take::<2>(&mut rest)?;
        let number = u32::from_le_bytes(*take(&mut rest)?);
        let first = RecordSeq(u64::from_le_bytes(*take(&mut rest)?));
        let more_zeros = *take::<8>(&mut rest)?;
        let before = *take::<LINK_LEN>(&mut rest)?;
        if format != FORMAT || zeros != [0; 2] || more_zeros != [0; 8] {
            return Err(JournalError::NotASegment);
        }
        Ok(Self { number, first, before })
    }
}

/// One record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Postcard of a [`Record`].
    pub body: &'a [u8],
    /// What chains it to the record before.
    pub link: &'a [u8; LINK_LEN],
}

impl<'a> RawRecord<'a> {
    /// Takes the record at the start of `bytes` and moves `bytes` behind it; `None` where the
    /// records end (a zero length, or no bytes).
    ///
    /// # Errors
    /// [`JournalError::Torn`] if the bytes end within it, [`JournalError::Malformed`] if its
    /// length cannot be. `bytes` then stays where it was.
    pub fn take(bytes: &mut &'a [u8]) -> Result<Option<Self>, JournalError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut rest = *bytes;
        let torn = |_| JournalError::Torn;
        let length = u32::from_le_bytes(*take(&mut rest).map_err(torn)?) as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > BODY_MAX {
            return Err(JournalError::Malformed);
        }
        let (body, after) = rest.split_at_checked(length).ok_or(JournalError::Torn)?;
        rest = after;
        let link = take(&mut rest).map_err(torn)?;
        *bytes = rest;
        Ok(Some(Self { body, link }))
    }

    /// Decodes the body, all of it.
    ///
    /// # Errors
    /// [`JournalError::Malformed`].
    pub fn record(&self) -> Result<Record, JournalError> {
        match postcard::take_from_bytes::<Record>(self.body) {
            Ok((record, [])) => Ok(record),
            Ok((record, behind)) => match postcard::take_from_bytes(behind) {
                Ok((retry_of, [])) if is_before(retry_of, &record) => {
                    Ok(Record { retry_of: Some(retry_of), ..record })
                }
                Ok(_) | Err(_) => Err(JournalError::Malformed),
            },
            Err(_) => Err(JournalError::Malformed),
        }
    }
}

/// Encodes a record's body.
///
/// # Errors
/// [`JournalError::Malformed`] if it would be longer than [`BODY_MAX`], or repeats what is not before it.
pub fn encode_body(record: &Record) -> Result<Vec<u8>, JournalError> {
    // Most records fit in it: each growth would be another block, and the old one wiped.
    let body = postcard::to_extend(record, Vec::with_capacity(256)).map_err(|_| JournalError::Malformed)?;
    let body = match record.retry_of {
        None => body,
        Some(retry_of) if is_before(retry_of, record) => {
            postcard::to_extend(&retry_of, body).map_err(|_| JournalError::Malformed)?
        }
        Some(_) => return Err(JournalError::Malformed),
    };
    if body.len() > BODY_MAX { Err(JournalError::Malformed) } else { Ok(body) }
}

/// Whether there can be a record of that number before this one.
fn is_before(seq: RecordSeq, record: &Record) -> bool {
    (1..record.seq.0).contains(&seq.0)
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], JournalError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(JournalError::NotASegment)?;
    *bytes = rest;
    Ok(first)
}
