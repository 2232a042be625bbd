//! Cutting off the journal's oldest segments, by age and by total size. What goes is recorded in the
//! chain first, with a key, and the record is synced and under the sealed head before a file goes, so
//! that nobody can cut off more and say it was us (INV-10). The last two segments always stay.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use proto::control_lane::Keep;
use proto::journal::{Chained, HEADER_LEN, Record, SegmentHeader};
use proto::meta::{RecordSeq, Timestamp};

use super::journal::Journal;
use super::segments;
use super::walk::{Begin, Next, Walk};
use crate::store::files;

/// How often ages are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The newest segments, which are never cut off.
const LAST_ONES: usize = 2;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// What is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Seq of the last record that goes.
    pub(crate) last: u64,
    /// Number of the first segment that stays.
    first_kept: u32,
}

/// When to look, and what was recorded and not yet done.
pub(super) struct Retention {
    keep: Keep,
    look: Option<Instant>,
    /// A cut, and the seq of the record that tells of it.
    recorded: Option<(Cut, u64)>,
}

impl Retention {
    pub(super) const fn nothing() -> Self {
        Self { keep: Keep { max_bytes: None, days: None }, look: None, recorded: None }
    }

    #[cfg(test)]
    pub(super) fn set(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// A segment was begun, or the keys are there: it is time to look.
    pub(super) fn look_at(&mut self, now: Instant) {
        self.look = Some(now);
    }

    /// The segments to remove, if their cut is recorded for good: up to that seq a head covers all.
    pub(super) fn take_removable(&mut self, covered: u64) -> Option<u32> {
        self.recorded.take_if(|(_, seq)| *seq <= covered).map(|(cut, _)| cut.first_kept)
    }

    /// Records behind that seq were not written after all.
    pub(super) fn forget_behind(&mut self, seq: u64) {
        self.recorded.take_if(|(_, recorded)| *recorded > seq);
    }
}

impl Journal {
    /// With those limits.
    pub(crate) fn keeping(mut self, keep: Keep) -> Self {
        self.retention.keep = keep;
        self
    }

    /// What is too old or too much by now, if it is time to look. To be recorded next, and then
    /// given to [`Journal::cut_recorded`].
    pub(crate) fn due_cut(&mut self, now: Instant, clock: Timestamp) -> Option<Cut> {
        let Keep { max_bytes, days } = self.retention.keep;
        let is_time = self.retention.look.is_some_and(|look| look <= now);
        if (max_bytes, days) == (None, None) || !is_time || self.keyed.is_none() || self.broken.is_some() {
            return None;
        }
        self.retention.look = now.checked_add(LOOK_EVERY);
        // What cannot be read now is looked at again; nothing is cut off on a guess.
        let oldest_kept = days.map(|days| clock.0.saturating_sub(u64::from(days) * DAY_MS));
        first_kept(&self.audit, max_bytes, oldest_kept, self.syncing.covered()).unwrap_or_default().filter(
            |cut| {
                let step = first_step(&self.audit, cut.first_kept);
                // The next keeper takes up the chain at the checkpoint, and must find its step.
                step.is_some_and(|step| step <= self.syncing.checkpointed())
            },
        )
    }

    /// The record that tells of a cut was added under that seq.
    pub(crate) fn cut_recorded(&mut self, cut: Cut, seq: RecordSeq) {
        self.retention.recorded = Some((cut, seq.0));
    }
}

/// Removes the segments before that one, oldest first, so that what is left has no gap. For the
/// sync thread. What stays for now goes with the next cut.
pub(super) fn remove_before(audit: &Path, first_kept: u32) {
    let Ok(numbers) = segments::numbers(audit) else { return };
    for number in numbers.into_iter().filter(|number| *number < first_kept) {
        if files::remove(&segments::path(audit, number)).is_err() {
            return;
        }
    }
}

fn first_kept(
    audit: &Path,
    max_bytes: Option<u64>,
    oldest_kept: Option<u64>,
    covered: u64,
) -> io::Result<Option<Cut>> {
    let mut all = Vec::new();
    for number in segments::numbers(audit)? {
        all.push((number, std::fs::symlink_metadata(segments::path(audit, number))?.len()));
    }
    let mut left: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    let mut found = None;
    let pairs = all.iter().zip(all.iter().skip(1));
    for ((_, bytes), (next, _)) in pairs.take(all.len().saturating_sub(LAST_ONES)) {
        let Some((header, begun)) = beginning(audit, *next)? else { break };
        let is_too_much = max_bytes.is_some_and(|most| left > most);
        // What is in a segment is no younger than the one behind it.
        let is_too_old = oldest_kept.is_some_and(|oldest| begun.0 < oldest);
        let last = header.first.0.saturating_sub(1);
        if !(is_too_much || is_too_old) || last > covered {
            break;
        }
        left = left.saturating_sub(*bytes);
        found = Some(Cut { last, first_kept: *next });
    }
    Ok(found)
}

/// A segment's header, and the time of its first record.
fn beginning(audit: &Path, number: u32) -> io::Result<Option<(SegmentHeader, Timestamp)>> {
    use std::os::unix::fs::FileExt;
    let file = files::open(&segments::path(audit, number))?;
    let mut bytes = vec![0; HEADER_LEN + 2 * proto::journal::BODY_MAX];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    let Ok(Begin::Header(header, mut walk)) = Walk::begin(&bytes) else { return Ok(None) };
    let Next::Record { raw, .. } = walk.next() else { return Ok(None) };
    Ok(raw.record().ok().map(|record: Record| (header, record.time)))
}

/// Step of the first keyed record from that segment on, within it.
fn first_step(audit: &Path, number: u32) -> Option<u64> {
    let bytes = segments::bytes(audit, number).ok()?;
    let Ok(Begin::Header(_, mut walk)) = Walk::begin(&bytes) else { return None };
    while let Next::Record { raw, .. } = walk.next() {
        if let Chained::Keyed { step } = raw.record().ok()?.chained {
            return Some(step);
        }
    }
    None
}
