//! What was written and is not known to be on the disk, kept in memory: when a sync fails, the kernel
//! may have dropped what it could not write, and a second sync of the same file would say nothing of it.
//! So the segment is written anew, into a new file that takes its name once it is synced (INV-04).

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write};
use std::path::Path;

use super::adding::Part;
use super::segments;
use crate::store::files;

/// Most that is kept; a disk that takes longer than that holds is given up when it fails.
const KEPT_MAX: usize = 8 * 1024 * 1024;

/// Parts of segments, in the order they were written.
pub(super) struct Kept {
    parts: VecDeque<(u64, Part)>,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// What is before the parts may never have been synced: a keeper before this one wrote it.
    Unsure,
    /// What is before them is on the disk.
    Sure,
    /// Some could not be kept.
    Partial,
}

impl Kept {
    pub(super) const fn nothing() -> Self {
        Self { parts: VecDeque::new(), bytes: 0, state: State::Unsure }
    }

    /// These were written; the last record in them has that seq.
    pub(super) fn wrote(&mut self, parts: Vec<Part>, upto: u64) {
        for part in parts {
            self.bytes += part.bytes.len();
            self.parts.push_back((upto, part));
        }
        if self.bytes > KEPT_MAX {
            self.parts.clear();
            self.bytes = 0;
            self.state = State::Partial;
        }
    }

    /// All up to that seq is on the disk, and so is all that was written before it; `all` if nothing
    /// was written since.
    pub(super) fn synced(&mut self, upto: u64, written: u64) {
        while let Some((_, part)) = self.parts.pop_front_if(|(seq, _)| *seq <= upto) {
            self.bytes = self.bytes.saturating_sub(part.bytes.len());
        }
        self.state = match self.state {
            State::Partial if upto < written => State::Partial,
            State::Unsure | State::Sure | State::Partial => State::Sure,
        };
    }

    /// Writes the segments anew that hold what is kept.
    ///
    /// # Errors
    /// Not everything that is needed is known to be right, or the disk fails again.
    pub(super) fn write_anew(&mut self, audit: &Path) -> io::Result<()> {
        if self.state != State::Sure {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let numbers: BTreeSet<u32> = self.parts.iter().map(|(_, part)| part.segment).collect();
        for number in numbers {
            let mut parts = self.parts.iter().map(|(_, part)| part).filter(|part| part.segment == number);
            let Some(first) = parts.next() else { continue };
            let path = segments::path(audit, number);
            let mut bytes = files::read(&files::open(&path)?, segments::BYTES_MAX)?;
            // Up to there it was synced before.
            bytes.truncate(usize::try_from(first.at).unwrap_or(usize::MAX));
            if bytes.len() as u64 != first.at {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&first.bytes);
            parts.for_each(|part| bytes.extend_from_slice(&part.bytes));
            replace(&path, &bytes)?;
        }
        self.parts.clear();
        self.bytes = 0;
        Ok(())
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    files::remove(&new)?;
    let mut file = files::make(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| files::replace(path, &new));
    if replaced.is_err() {
        let _ = files::remove(&new);
    }
    replaced
}
