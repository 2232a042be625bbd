//! Checks a whole journal by its files, in a process that has nothing else: every link from the
//! first record on, and that the journal reaches its sealed head (INV-10). Writes nothing.

use std::fs::File;
use std::io;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{JournalError, RawRecord, Verdict};
use proto::meta::RecordSeq;

use super::chain::{Checker, Tip, Wrong};
use super::head::{Claims, Head};
use super::segments::BYTES_MAX;
use super::tail::no_slot;
use super::walk::{Begin, Next, Walk};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::file_vault::{self, HEADER_LEN};
use crate::hazmat::keys::Keys;
use crate::store::files;

/// Checks a journal: the vault's header, the head (empty where there is none), and all segments,
/// oldest first. A wrong passphrase is a failure; damage of the journal is a verdict.
pub(crate) fn verify(
    header: File,
    head: File,
    segments: Vec<File>,
    passphrase: SecretBytes,
) -> Result<Verdict, Failure> {
    let header =
        files::read(&header, 16 * HEADER_LEN).map_err(|error| unreadable("the vault's header", &error))?;
    let claims = Claims::from_file(&head).map_err(|error| unreadable("the journal's head", &error))?;
    let (keys, first) =
        file_vault::open_for_verifier(&header, &passphrase).map_err(|error| error.failure())?;
    drop(passphrase);
    check(&keys, first, &claims, segments)
}

/// As [`verify`], with keys that come from elsewhere than a header.
pub(crate) fn verify_with(
    keys: &Keys,
    first: ChainKey,
    head: File,
    segments: Vec<File>,
) -> Result<Verdict, Failure> {
    let claims = Claims::from_file(&head).map_err(|error| unreadable("the journal's head", &error))?;
    check(keys, first, &claims, segments)
}

/// As [`verify`], with the keys.
pub(super) fn check(
    keys: &Keys,
    first: ChainKey,
    claims: &Claims,
    segments: Vec<File>,
) -> Result<Verdict, Failure> {
    let head = claims.newest_of_whole(keys);
    let mut check = Check {
        checker: Checker::new(Tip::START, Some(first)),
        head,
        at_head: head.is_some_and(|head| head.seq == 0),
        torn_tail: false,
    };
    let mut number = 0;
    let count = segments.len();
    for (index, segment) in segments.into_iter().enumerate() {
        number += 1;
        let place = if index + 1 == count { Last::Yes } else { Last::No };
        match check.segment(number, &segment, place) {
            Ok(()) => {}
            Err(Stop::Damage(what)) => return Ok(check.damaged(number, what)),
            Err(Stop::Failure(failure)) => return Err(failure),
        }
    }
    Ok(check.verdict(number))
}

struct Check {
    checker: Checker,
    head: Option<Head>,
    /// Whether the record the head names was met.
    at_head: bool,
    torn_tail: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

enum Stop {
    Damage(&'static str),
    Failure(Failure),
}

impl Check {
    fn segment(&mut self, number: u32, file: &File, last: Last) -> Result<(), Stop> {
        let bytes = match files::read(file, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Stop::Damage("the segment is too long"));
            }
            Err(error) => return Err(Stop::Failure(unreadable("a segment of the journal", &error))),
        };
        let (header, mut walk) = match Walk::begin(&bytes) {
            Ok(Begin::Header(header, walk)) => (header, walk),
            Ok(Begin::Never) => return self.cut(last, "the segment is empty"),
            Err(JournalError::FromTheFuture) => return Err(Stop::Failure(future())),
            Err(JournalError::NotASegment | JournalError::Torn | JournalError::Malformed) => {
                return Err(Stop::Damage("it does not begin as a segment does"));
            }
        };
        if header.number != number {
            return Err(Stop::Damage("a segment is missing or out of order"));
        }
        if !self.checker.fits(&header) {
            return Err(Stop::Damage("the segment does not go on where the one before ends"));
        }
        loop {
            match walk.next() {
                Next::Record { header, raw } => match self.record(header, &raw) {
                    Err(Stop::Damage(what)) if walk.may_be_cut(&raw) => return self.cut(last, what),
                    passed => passed?,
                },
                Next::End => return Ok(()),
                Next::Torn => return self.cut(last, "a record is cut short"),
                Next::Damage(what) => return Err(Stop::Damage(what)),
            }
        }
    }

    fn record(&mut self, header: Option<&[u8]>, raw: &RawRecord<'_>) -> Result<(), Stop> {
        if raw.record().is_err() {
            return Err(Stop::Damage("a record is malformed"));
        }
        self.checker.pass(header, raw).map_err(|wrong| match wrong {
            Wrong::Record(what) => Stop::Damage(what),
            Wrong::NoSlot => Stop::Failure(no_slot()),
        })?;
        if let Some(head) = self.head.filter(|head| head.seq == self.checker.tip.seq) {
            if head.link != self.checker.tip.link {
                return Err(Stop::Damage("it is not the record the sealed head names"));
            }
            self.at_head = true;
        }
        Ok(())
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

    fn verdict(self, segment: u32) -> Verdict {
        let tip = self.checker.tip;
        match self.head {
            None => return self.damaged(segment, "the sealed head is missing or damaged"),
            Some(_) if !self.at_head => {
                return self
                    .damaged(segment, "records are missing at the end: it does not reach the sealed head");
            }
            Some(_) => {}
        }
        Verdict::Whole {
            records: tip.seq,
            last: RecordSeq(tip.seq),
            link: tip.link.iter().map(|byte| format!("{byte:02x}")).collect(),
            plain: self.checker.plain,
            torn_tail: self.torn_tail,
        }
    }

    fn damaged(&self, segment: u32, what: &str) -> Verdict {
        let at = RecordSeq(self.checker.tip.seq.saturating_add(1));
        Verdict::Damaged { at, segment, what: what.to_owned() }
    }
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
