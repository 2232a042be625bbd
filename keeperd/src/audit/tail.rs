//! Taking up the journal where it ends: at start without a key, and again with the keys when the
//! vault is opened. Reads only; what must be repaired is said and done at the next write.

use std::path::Path;

use proto::failure::{Failure, FailureClass};
use proto::journal::{Chained, JournalError, SegmentHeader};

use super::chain::{Checker, Standing, Tip, Wrong};
use super::head::{Claims, Head};
use super::segments::{bytes, damaged, numbers};
use super::walk::{Begin, Next, Walk};
use crate::hazmat::chain_key::ChainKey;
use crate::store::files::io_failure;

/// Where the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tip: Tip,
    /// Number of the last segment; 0 before the first.
    pub(super) segment: u32,
    /// Behind the last record in it.
    pub(super) end: u64,
}

impl Place {
    const START: Self = Self { tip: Tip::START, segment: 0, end: 0 };
}

/// What a crash left behind the journal's end, to be taken away before the next record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repair {
    /// Segments that hold no whole record.
    pub(super) remove: Vec<u32>,
}

/// Finds the journal's end.
pub(super) fn find(audit: &Path) -> Result<(Place, Option<Repair>), Failure> {
    let failed = |error| io_failure("cannot read", audit, &error);
    let numbers = numbers(audit).map_err(failed)?;
    // What is before the first was cut off; whether rightly, a verifier says.
    let first = numbers.first().copied().unwrap_or(1);
    if let Some((missing, _)) = (first..).zip(&numbers).find(|(expected, number)| expected != *number) {
        return Err(damaged(missing, "a segment is missing"));
    }
    let covered = Claims::read(audit).map_err(failed)?.furthest();
    let (place, repair) = last_of(audit, first, numbers.last().copied().unwrap_or(0), covered)?;
    if place.tip.seq < covered {
        return Err(damaged(place.segment.max(1), "records are missing at its end"));
    }
    Ok((place, repair))
}

/// Checks the journal's end against head and key, moves the key to the next step, and says where
/// the journal ends: before its last record, if a crash cut that within its link.
pub(super) fn take_up(
    audit: &Path,
    place: &Place,
    head: &Head,
    chain: ChainKey,
) -> Result<(ChainKey, Place), Failure> {
    let oldest = numbers(audit).map_err(|error| io_failure("cannot read", audit, &error))?;
    let oldest = oldest.first().copied().unwrap_or(1);
    let first = start_of_check(audit, oldest, place, head, chain.step())?;
    let mut checker = Checker::new(Tip::START, Some(chain));
    let mut at_head = head.seq == 0;
    let mut found = Place::START;
    for number in first..=place.segment {
        let bytes = bytes(audit, number)?;
        let (header, mut walk) = begun(number, &bytes)?;
        if number == first && number > 1 {
            checker.tip = Tip::before(&header);
        } else if !checker.fits(&header) {
            return Err(damaged(number, "it does not go on where the one before ends"));
        }
        let mut end = walk.at();
        while let Next::Record { header, raw } = walk.next() {
            match checker.pass(header, &raw) {
                Ok(()) => end = walk.at(),
                Err(Wrong::Record(_)) if number == place.segment && walk.may_be_cut(&raw) => break,
                Err(wrong) => return Err(failure(number, wrong)),
            }
            at_head |= checker.tip.seq == head.seq && checker.tip.link == head.link;
        }
        found = Place { tip: checker.tip, segment: number, end: end as u64 };
    }
    let Checker { tip, key, .. } = checker;
    let key = key.ok_or_else(|| damaged(first, "it cannot be checked"))?;
    if !at_head {
        return Err(damaged(place.segment, "it does not hold the record its sealed head names"));
    }
    if tip.step.unwrap_or(0).checked_add(1) != Some(key.step()) {
        return Err(damaged(place.segment, "keyed records are missing at its end"));
    }
    Ok((key, found))
}

/// The last segment at which a check must begin to meet the head and all steps from the key's on.
fn start_of_check(audit: &Path, oldest: u32, place: &Place, head: &Head, step: u64) -> Result<u32, Failure> {
    for number in (oldest.saturating_add(1)..=place.segment).rev() {
        let bytes = bytes(audit, number)?;
        let (header, mut walk) = begun(number, &bytes)?;
        if header.first.0 > head.seq {
            continue;
        }
        while let Next::Record { raw, .. } = walk.next() {
            match Standing::of(raw.body).map(|standing| standing.chained) {
                Some(Chained::Keyed { step: found }) if found <= step => return Ok(number),
                Some(Chained::Keyed { .. }) => break,
                Some(Chained::Plain) | None => {}
            }
        }
    }
    Ok(oldest)
}

/// A rotation that the disk saw only in part leaves a cut segment before the last. What a head
/// covers was synced, so a segment before that needs no look here.
fn last_of(audit: &Path, first: u32, count: u32, covered: u64) -> Result<(Place, Option<Repair>), Failure> {
    let mut remove = Vec::new();
    let mut number = count;
    loop {
        if number < first {
            if first > 1 {
                return Err(damaged(first, "it is empty"));
            }
            return Ok((Place::START, repair(End::Clean, remove)));
        }
        let Some((header, place, end)) = scan(audit, number)? else {
            if number != count {
                return Err(damaged(number, "it is empty"));
            }
            remove.push(number);
            number -= 1;
            continue;
        };
        match number.checked_sub(1).filter(|before| *before >= first) {
            None if first == 1 && !Checker::new(Tip::START, None).fits(&header) => {
                return Err(damaged(number, "it is not the first"));
            }
            Some(before) if remove.is_empty() && covered < header.first.0 => match scan(audit, before)? {
                Some((_, tail, _)) if Checker::new(tail.tip, None).fits(&header) => {}
                Some((_, _, End::Torn)) => {
                    remove.push(number);
                    number = before;
                    continue;
                }
                Some((_, _, End::Clean)) | None => {
                    return Err(damaged(number, "it does not go on where the one before ends"));
                }
            },
            None | Some(_) => {}
        }
        return Ok((place, repair(end, remove)));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Clean,
    Torn,
}

fn repair(end: End, remove: Vec<u32>) -> Option<Repair> {
    (end == End::Torn || !remove.is_empty()).then_some(Repair { remove })
}

/// One segment to its end; none if it was never begun.
fn scan(audit: &Path, number: u32) -> Result<Option<(SegmentHeader, Place, End)>, Failure> {
    let bytes = bytes(audit, number)?;
    let (header, mut walk) = match Walk::begin(&bytes) {
        Ok(Begin::Never) => return Ok(None),
        Ok(Begin::Header(..)) | Err(_) => begun(number, &bytes)?,
    };
    let mut checker = Checker::new(Tip::before(&header), None);
    let mut behind = walk.at();
    let end = loop {
        match walk.next() {
            Next::Record { header, raw } => match checker.pass(header, &raw) {
                Ok(()) => behind = walk.at(),
                Err(Wrong::Record(_)) if walk.may_be_cut(&raw) => break End::Torn,
                Err(wrong) => return Err(failure(number, wrong)),
            },
            Next::End => break End::Clean,
            Next::Torn => break End::Torn,
            Next::Damage(what) => return Err(damaged(number, what)),
        }
    };
    Ok(Some((header, Place { tip: checker.tip, segment: number, end: behind as u64 }, end)))
}

fn begun(number: u32, bytes: &[u8]) -> Result<(SegmentHeader, Walk<'_>), Failure> {
    match Walk::begin(bytes) {
        Ok(Begin::Header(header, walk)) if header.number == number => Ok((header, walk)),
        Ok(Begin::Header(..)) => Err(damaged(number, "it is another segment under this name")),
        Ok(Begin::Never) => Err(damaged(number, "it is empty")),
        Err(JournalError::FromTheFuture) => Err(Failure::new(
            FailureClass::Config,
            format!("secrets/audit/{number:08}.journal was written by a later version of this software"),
            "use the version that wrote it, or a later one",
        )),
        Err(error @ (JournalError::NotASegment | JournalError::Torn | JournalError::Malformed)) => {
            Err(damaged(number, &error.to_string()))
        }
    }
}

fn failure(number: u32, wrong: Wrong) -> Failure {
    match wrong {
        Wrong::Record(what) => damaged(number, what),
        Wrong::NoSlot => no_slot(),
    }
}

/// No room for the journal's key.
pub(super) fn no_slot() -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        "no locked memory is left for the journal's key",
        "raise the limit on locked memory (ulimit -l)",
    )
}
