//! Claims about the journal, each on a directory of its own.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use proto::failure::FailureClass;
use proto::journal::{Event, HEADER_LEN, Noted, RawRecord, Record, SegmentHeader, Verdict};
use proto::meta::{RecordSeq, Timestamp};
use proto::name::Consumer;

use super::evidence::Evidence;
use super::head::Claims;
use super::journal::Journal;
use super::verify::check;
use super::walk::{Begin, Next, Walk};
use super::{Files, Small, checkpoint, segments, verify};
use crate::hazmat::chain_key::ChainKey;
use crate::hazmat::file_vault;
use crate::hazmat::keys::Keys;
use crate::hazmat::samples::secret;
use crate::store::tests::{Made, made};
use crate::store::{Create, Store};

mod chain;
mod checkpoints;
mod failing;
mod forged;
mod found;
mod heads;
mod renewed;
mod retention;
mod tails;

struct World {
    made: Made,
    journal: Journal,
}

impl World {
    /// A vault that was just made, its journal open and keyed.
    fn new() -> Self {
        let made = made();
        let journal = Journal::open(&made.dir.path().join("audit")).unwrap();
        let mut world = Self { made, journal };
        world.unlock();
        world
    }

    fn audit(&self) -> PathBuf {
        self.made.dir.path().join("audit")
    }

    fn segment(&self, number: u32) -> PathBuf {
        segments::path(&self.audit(), number)
    }

    fn unlock(&mut self) {
        self.try_unlock().unwrap();
    }

    fn try_unlock(&mut self) -> Result<(), proto::failure::Failure> {
        let keys = &self.made.unlocked.keys;
        self.journal.unlock(keys, checkpoint::newest(&self.audit(), keys)?)
    }

    /// Adds and writes that many records, in writes of two.
    fn record(&mut self, count: u64) {
        for number in 0..count {
            self.journal.add(record(number)).unwrap();
            if number % 2 == 1 {
                self.journal.write().unwrap();
            }
        }
        self.journal.write().unwrap();
    }

    /// As after a kill: nothing in memory is left.
    fn restart(&mut self) {
        self.journal = Journal::open(&self.audit()).unwrap();
    }

    fn verdict(&self) -> Verdict {
        verdict_in(self.made.dir.path())
    }

    fn assert_whole(&self, records: u64) {
        match self.verdict() {
            Verdict::Whole { records: found, .. } => assert_eq!(found, records),
            damaged @ Verdict::Damaged { .. } => panic!("{damaged:?}"),
        }
    }
}

fn record(number: u64) -> Record {
    let mut record = Record::of(Event::LeaseUsed, Timestamp(1_700_000_000_000 + number));
    record.consumer = Some(Consumer::ugent_core());
    record
}

fn verdict_in(secrets: &Path) -> Verdict {
    verdict_with(secrets, None, b"open sesame").unwrap()
}

fn verdict_with(
    secrets: &Path,
    noted: Option<Noted>,
    passphrase: &[u8],
) -> Result<Verdict, proto::failure::Failure> {
    let audit = secrets.join("audit");
    let segments = super::segments(&audit, 0, usize::MAX).unwrap();
    let files = Files {
        header: File::open(secrets.join("vault/header")).unwrap(),
        small: Small {
            head: super::head_file(&audit).unwrap(),
            checkpoint: super::checkpoint_file(&audit).unwrap(),
        },
        segments: segments.into_iter().map(|(_, file)| file).collect(),
    };
    verify(files, noted, secret(passphrase))
}

/// Byte ranges of the records of a segment, and behind the last.
fn records(bytes: &[u8]) -> (Vec<std::ops::Range<usize>>, usize) {
    let mut rest = &bytes[HEADER_LEN..];
    let mut found = Vec::new();
    loop {
        let from = bytes.len() - rest.len();
        if RawRecord::take(&mut rest).unwrap().is_none() {
            return (found, from);
        }
        found.push(from..bytes.len() - rest.len());
    }
}

fn head_of(job: &super::SyncJob) -> Option<super::head::Head> {
    job.head.as_ref().map(|sealed| sealed.head)
}

/// While a directory stands in the place of the head, no head can be written.
struct NoHead(PathBuf);

impl NoHead {
    fn in_place_of_the_head(world: &World) -> Self {
        let path = world.audit().join("head");
        fs::rename(&path, world.audit().join("head.away")).unwrap();
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn end(self) {
        fs::remove_dir(&self.0).unwrap();
        fs::rename(self.0.with_extension("away"), &self.0).unwrap();
    }
}

/// A segment in pieces: its header, and its records.
#[derive(Clone)]
struct Pieces {
    header: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Pieces {
    /// Of all segments there are.
    fn of(world: &World) -> Vec<Self> {
        let numbers = segments::numbers(&world.audit()).unwrap().into_iter();
        let pieces = numbers.map(|number| {
            let bytes = fs::read(world.segment(number)).unwrap();
            let records = records(&bytes).0.into_iter().map(|range| bytes[range].to_vec()).collect();
            Self { header: bytes[..HEADER_LEN].to_vec(), records }
        });
        pieces.collect()
    }

    fn whole(&self) -> Vec<u8> {
        [self.header.clone(), self.records.concat()].concat()
    }

    fn all_whole(all: &[Self]) -> Vec<Vec<u8>> {
        all.iter().map(Self::whole).collect()
    }
}

/// Checks many variants of a journal without deriving the key from the passphrase each time.
struct Verifier {
    keys: Keys,
    first: ChainKey,
    audit: PathBuf,
}

impl Verifier {
    fn of(world: &World) -> Self {
        let header = fs::read(world.made.dir.path().join("vault/header")).unwrap();
        let (keys, first) = file_vault::open_for_verifier(&header, &secret(b"open sesame")).unwrap();
        Self { keys, first, audit: world.audit() }
    }

    fn is_damaged(&self, segments: &[Vec<u8>]) -> bool {
        self.damage(segments).is_some()
    }

    /// At which record, and what is wrong; a format of the future is said without a record.
    fn damage(&self, segments: &[Vec<u8>]) -> Option<(u64, String)> {
        let file = |bytes: &Vec<u8>| {
            // Thousands of them: on no disk.
            let mut file = File::from(memfd_create("segment", MFdFlags::MFD_CLOEXEC).unwrap());
            file.write_all(bytes).unwrap();
            file.rewind().unwrap();
            file
        };
        let claims = Claims::from_file(&super::head_file(&self.audit).unwrap()).unwrap();
        let both = checkpoint::both(&super::checkpoint_file(&self.audit).unwrap()).unwrap();
        let checkpoints = checkpoint::opened(&self.keys, &both).unwrap();
        let evidence = Evidence::new(&self.keys, &claims, checkpoints, None);
        let files = segments.iter().map(file).collect();
        match check(self.first.copy().unwrap(), evidence, files) {
            Ok(Verdict::Whole { .. }) => None,
            Ok(Verdict::Damaged { at, what, .. }) => Some((at.0, what)),
            // A flipped bit may make a format of the future.
            Err(failure) => {
                assert_eq!(failure.class, FailureClass::Config);
                Some((0, failure.what))
            }
        }
    }
}
