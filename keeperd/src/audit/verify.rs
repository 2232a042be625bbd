//! Checks a whole journal by its files, in a process that has nothing else: every link from the
//! first record on, and that the journal reaches its sealed head and its checkpoint (INV-10). Writes
//! nothing.
//!
//! What is wrong is said in one of four words: changed, missing, repeated or out of order, cut off. It is
//! the plainest reading of what is there; whoever changes many records can make it look like another.

use std::cmp::Ordering;
use std::fs::File;
use std::io;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{Chained, JournalError, Noted, RawRecord, Record, SegmentHeader, Verdict};
use proto::meta::RecordSeq;

use super::chain::{Checker, DISORDERED, MISSING, Tip, Wrong};
use super::checkpoint;
use super::evidence::Evidence;
use super::head::Claims;
use super::segments::BYTES_MAX;
use super::tail::no_slot;
use super::walk::{Begin, Next, Walk};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::file_vault::{self, HEADER_LEN};
use crate::hazmat::keys::Keys;
use crate::store::files;

/// Sealed head and checkpoint; empty where there is none.
pub(crate) struct Small {
    pub(crate) head: File,
    pub(crate) checkpoint: File,
}

/// Files a verifier is given, of a vault with a header: all segments, oldest first.
pub(crate) struct Files {
    pub(crate) header: File,
    pub(crate) small: Small,
    pub(crate) segments: Vec<File>,
}

/// Checks a journal. A wrong passphrase is a failure; damage of the journal is a verdict.
pub(crate) fn verify(
    files: Files,
    noted: Option<Noted>,
    passphrase: SecretBytes,
) -> Result<Verdict, Failure> {
    let Files { header, small, segments } = files;
    let header =
        files::read(&header, 16 * HEADER_LEN).map_err(|error| unreadable("the vault's header", &error))?;
    let (keys, first) =
        file_vault::open_for_verifier(&header, &passphrase).map_err(|error| error.failure())?;
    drop(passphrase);
    verify_with(&keys, first, &small, segments, noted)
}

/// As [`verify`], with keys that come from elsewhere than a header.
pub(crate) fn verify_with(
    keys: &Keys,
    first: ChainKey,
    small: &Small,
    segments: Vec<File>,
    noted: Option<Noted>,
) -> Result<Verdict, Failure> {
    let claims = Claims::from_file(&small.head).map_err(|error| unreadable("the journal's head", &error))?;
    let both = checkpoint::both(&small.checkpoint)
        .map_err(|error| unreadable("the checkpoint of the journal's key", &error))?;
    let evidence = Evidence::new(keys, &claims, checkpoint::opened(keys, &both)?, noted);
    check(first, evidence, segments)
}

/// As [`verify`], with the keys.
pub(super) fn check(first: ChainKey, evidence: Evidence, segments: Vec<File>) -> Result<Verdict, Failure> {
    let checker = Checker::new(Tip::START, Some(first));
    let mut check = Check { checker, evidence, number: 0, torn_tail: false };
    let mut rest = segments.as_slice();
    while let Some((segment, behind)) = rest.split_first() {
        match check.segment(segment, behind) {
            Ok(()) => rest = behind,
            Err(stop) => return check.stopped(stop),
        }
    }
    check.verdict()
}

struct Check {
    checker: Checker,
    evidence: Evidence,
    /// Of the segment that is looked at; 0 before the first.
    number: u32,
    torn_tail: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

enum Stop {
    /// Of what comes next.
    Damage(&'static str),
    /// Of the record that was passed last: its link is right, and it is not what it should be.
    Passed(&'static str),
    Failure(Failure),
}

impl Check {
    fn segment(&mut self, file: &File, behind: &[File]) -> Result<(), Stop> {
        let last = if behind.is_empty() { Last::Yes } else { Last::No };
        let is_first = self.number == 0;
        self.number = self.number.saturating_add(1);
        let bytes = match files::read(file, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Stop::Damage("the segment was changed: it is too long"));
            }
            Err(error) => return Err(Stop::Failure(unreadable("a segment of the journal", &error))),
        };
        let (header, mut walk) = match Walk::begin(&bytes) {
            Ok(Begin::Header(header, walk)) => (header, walk),
            Ok(Begin::Never) => return self.cut(last, "records are missing: the segment is empty"),
            Err(JournalError::FromTheFuture) => return Err(Stop::Failure(future())),
            Err(JournalError::NotASegment | JournalError::Torn | JournalError::Malformed) => {
                return Err(Stop::Damage("the segment was changed: it does not begin as one"));
            }
        };
        if is_first && header.number > 1 {
            self.checker.tip = self.evidence.begins_at(&header).map_err(Stop::Damage)?;
            self.number = header.number;
        }
        if header.number != self.number {
            return Err(Stop::Damage(self.misnumbered(&header, behind)));
        }
        if !self.checker.fits(&header) {
            return Err(Stop::Damage(self.misplaced(&header, &walk)));
        }
        loop {
            match walk.next() {
                Next::Record { header, raw } => match self.record(header, &raw) {
                    Err(Stop::Damage(what)) if walk.may_be_cut(&raw) => return self.cut(last, what),
                    Err(Stop::Damage(what)) => return Err(Stop::Damage(self.told(what, &walk))),
                    passed => passed?,
                },
                Next::End => return Ok(()),
                Next::Torn => return self.cut(last, "records are missing: the segment ends within one"),
                Next::Damage(what) => return Err(Stop::Damage(what)),
            }
        }
    }

    /// What is wrong with a record that was just refused, by what is behind it.
    fn told(&self, what: &'static str, behind: &Walk<'_>) -> &'static str {
        let due = self.checker.due();
        match what {
            MISSING | DISORDERED if behind.numbers().next() == due.checked_add(1) => {
                "it was changed: the one behind it has the number that is due there"
            }
            MISSING if behind.numbers().any(|number| number == due) => DISORDERED,
            what => what,
        }
    }

    /// What is wrong with a segment of another number.
    fn misnumbered(&self, header: &SegmentHeader, behind: &[File]) -> &'static str {
        let is_due = |file: &File| {
            let bytes = files::read(file, BYTES_MAX).unwrap_or_default();
            matches!(Walk::begin(&bytes), Ok(Begin::Header(header, _)) if header.number == self.number)
        };
        if self.checker.fits(header) {
            "the segment was changed: its number is not the one that is due"
        } else if header.number > self.number && !behind.iter().any(is_due) {
            "a segment is missing"
        } else {
            "the segment is repeated or out of order"
        }
    }

    /// What is wrong with a segment of the right number.
    fn misplaced(&self, header: &SegmentHeader, walk: &Walk<'_>) -> &'static str {
        let due = self.checker.due();
        match header.first.0.cmp(&due) {
            Ordering::Greater if walk.numbers().next() != Some(due) => {
                "records are missing at the end of the segment before"
            }
            Ordering::Less if walk.numbers().next() != Some(due) => "the segment is repeated or out of order",
            Ordering::Greater | Ordering::Less | Ordering::Equal => {
                "the segment was changed: its header does not go on where the one before ends"
            }
        }
    }

    fn record(&mut self, header: Option<&[u8]>, raw: &RawRecord<'_>) -> Result<(), Stop> {
        let record = raw.record().map_err(|_| Stop::Damage("it was changed: it is no record any more"))?;
        if self.checker.tip.step.is_none() {
            self.catch_up(&record)?;
        }
        self.key_reached()?;
        self.checker.pass(header, raw).map_err(|wrong| match wrong {
            Wrong::Record(what) => Stop::Damage(what),
            Wrong::NoSlot => Stop::Failure(no_slot()),
        })?;
        self.evidence.passed(&self.checker.tip, &record).map_err(Stop::Passed)
    }

    /// Behind a cut the key moves forward as it did then, up to the first keyed record that is left.
    /// That the step is the right one, the record's link says.
    fn catch_up(&mut self, record: &Record) -> Result<(), Stop> {
        let Chained::Keyed { step } = record.chained else { return Ok(()) };
        if record.seq.0 != self.checker.due() {
            // Which is said when it is taken.
            return Ok(());
        }
        // There are no more steps than records: a number that was put there would take for ever.
        if step > record.seq.0 {
            return Err(Stop::Damage("it was changed: there are not as many keys"));
        }
        while self.checker.key.as_ref().is_some_and(|key| key.step() < step) {
            self.key_reached()?;
            if let Some(key) = &mut self.checker.key {
                key.advance().map_err(|_| Stop::Failure(no_slot()))?;
            }
        }
        Ok(())
    }

    fn key_reached(&mut self) -> Result<(), Stop> {
        match &self.checker.key {
            Some(key) => self.evidence.reached(key).map_err(Stop::Damage),
            None => Ok(()),
        }
    }

    /// The last write of all may have been cut by a crash; anything before it was synced.
    fn cut(&mut self, last: Last, what: &'static str) -> Result<(), Stop> {
        match last {
            Last::Yes => {
                self.torn_tail = true;
                Ok(())
            }
            Last::No => Err(Stop::Damage(what)),
        }
    }

    fn verdict(mut self) -> Result<Verdict, Failure> {
        if let Err(stop) = self.key_reached() {
            return self.stopped(stop);
        }
        let tip = self.checker.tip;
        let cut = match self.evidence.at_end(&tip) {
            Ok(cut) => cut,
            Err((at, what)) => {
                let segment = if at == 1 { 1 } else { self.number };
                return Ok(Verdict::Damaged { at: RecordSeq(at), segment, what: what.to_owned() });
            }
        };
        if self.evidence.noted_is_gone() {
            return Err(noted_is_gone());
        }
        Ok(Verdict::Whole {
            records: tip.seq.saturating_sub(cut),
            cut,
            last: RecordSeq(tip.seq),
            link: tip.link.iter().map(|byte| format!("{byte:02x}")).collect(),
            plain: self.checker.plain,
            torn_tail: self.torn_tail,
        })
    }

    fn stopped(&self, stop: Stop) -> Result<Verdict, Failure> {
        let passed = self.checker.tip.seq;
        let (at, what) = match stop {
            Stop::Damage(what) => (passed.saturating_add(1), what),
            Stop::Passed(what) => (passed, what),
            Stop::Failure(failure) => return Err(failure),
        };
        Ok(Verdict::Damaged { at: RecordSeq(at), segment: self.number, what: what.to_owned() })
    }
}

fn noted_is_gone() -> Failure {
    Failure::new(
        FailureClass::BadInput,
        "the record that was noted was cut off since, as the settings say, and cannot be compared",
        "compare with an export, or with a record noted later; the rest of the journal is whole",
    )
}

fn unreadable(what: &str, error: &io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("{what} cannot be read: {error}"), "")
}

fn future() -> Failure {
    Failure::new(
        FailureClass::Config,
        "the journal was written by a later version of this software",
        "use the version that wrote it, or a later one",
    )
}
