//! Claims about the journal, each on a directory of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

mod forged;
mod renewed;
mod retention;

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

#[test]
fn what_was_recorded_is_whole_and_numbered_from_one() {
    let mut world = World::new();
    assert_eq!(world.journal.add(record(0)), Ok(RecordSeq(1)));
    world.record(9);
    world.journal.finish().unwrap();
    world.assert_whole(10);
    assert_eq!(world.journal.head_due(), None);
    assert!(!world.journal.unsynced());
}

#[test]
fn a_brand_new_vault_is_whole_and_so_is_one_that_was_killed_before_its_first_head() {
    let mut world = World::new();
    world.assert_whole(0);
    world.record(3);
    world.assert_whole(3);
}

#[test]
fn opening_reads_only() {
    let mut world = World::new();
    world.record(3);
    let before = fs::read(world.segment(1)).unwrap();
    world.restart();
    assert_eq!(fs::read(world.segment(1)).unwrap(), before);
    let empty = tempfile::tempdir().unwrap();
    Journal::open(&empty.path().join("audit")).unwrap();
    assert!(!empty.path().join("audit").exists());
}

#[test]
fn the_chain_goes_on_over_locks_kills_and_segments() {
    let mut world = World::new();
    world.journal.segment_max = 2000;
    for round in 0_u64..12 {
        world.record(7);
        match round % 4 {
            0 => {
                world.journal.lock();
                world.record(20);
                world.unlock();
            }
            1 => {
                world.restart();
                world.journal.segment_max = 2000;
                world.record(2);
                world.unlock();
            }
            2 => {
                let job = world.journal.sync_job(Instant::now()).unwrap();
                world.record(1);
                world.journal.synced(job.run(), Instant::now()).unwrap();
            }
            _ => world.journal.finish().unwrap(),
        }
    }
    world.journal.finish().unwrap();
    let written = 12 * 7 + 3 * (20 + 2 + 1);
    world.assert_whole(written);
    assert!(world.segment(4).exists());
    assert!(matches!(world.verdict(), Verdict::Whole { plain: 66, torn_tail: false, .. }));
}

#[test]
fn a_checkpoint_moves_forward_and_leaves_no_older_key() {
    let mut world = World::new();
    let path = world.audit().join("checkpoint");
    let used = |bytes: &[u8]| [&bytes[..4096], &bytes[4096..]].map(|place| place.iter().any(|b| *b != 0));
    let first = fs::read(&path).unwrap();
    assert_eq!(used(&first), [false, true]);
    for _ in 0..3 {
        world.record(100);
        world.journal.finish().unwrap();
    }
    let second = fs::read(&path).unwrap();
    assert_ne!(first, second);
    assert_eq!(used(&second).iter().filter(|used| **used).count(), 1);
    world.restart();
    world.unlock();
    world.record(1);
    world.journal.finish().unwrap();
    world.assert_whole(301);
}

#[test]
fn a_crash_between_two_checkpoints_costs_nothing_and_the_older_goes_soon() {
    let mut world = World::new();
    let path = world.audit().join("checkpoint");
    let older = fs::read(&path).unwrap();
    world.record(300);
    world.journal.finish().unwrap();
    let newer = fs::read(&path).unwrap();
    // Both places hold one: the newer was synced, and the older not yet wiped.
    let both: Vec<u8> = older.iter().zip(&newer).map(|(older, newer)| older | newer).collect();
    fs::write(&path, &both).unwrap();
    world.restart();
    world.unlock();
    world.record(1);
    world.journal.finish().unwrap();
    let left = fs::read(&path).unwrap();
    let is_used = |place: &[u8]| place.iter().any(|byte| *byte != 0);
    assert_eq!(left.chunks(4096).filter(|place| is_used(place)).count(), 1);
    assert!(left[4096..4096 + 104] != older[4096..4096 + 104]);
    world.assert_whole(301);
}

#[test]
fn without_a_whole_checkpoint_the_vault_stays_locked() {
    let mut world = World::new();
    world.restart();
    let path = world.audit().join("checkpoint");
    let whole = fs::read(&path).unwrap();
    for byte in 4096..4096 + 104 {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1;
        fs::write(&path, flipped).unwrap();
        assert_eq!(world.try_unlock().unwrap_err().class, FailureClass::BadInput);
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(world.try_unlock().unwrap_err().class, FailureClass::BadInput);
    fs::write(&path, whole).unwrap();
    world.unlock();
}

#[test]
fn the_head_is_due_within_a_second_and_never_when_idle() {
    let mut world = World::new();
    let now = Instant::now();
    world.record(2);
    let job = world.journal.sync_job(now).unwrap();
    assert!(job.head.is_none() && world.journal.sync_job(now).is_none());
    assert_eq!(world.journal.synced(job.run(), now), Ok(RecordSeq(2)));
    let due = world.journal.head_due().unwrap();
    assert!(due <= now + Duration::from_secs(1));
    assert!(world.journal.sync_job(now).is_none());
    let job = world.journal.sync_job(due).unwrap();
    assert!(job.head.is_some());
    world.journal.synced(job.run(), due).unwrap();
    assert_eq!(world.journal.head_due(), None);
    assert!(world.journal.sync_job(due + Duration::from_secs(60)).is_none());
}

#[test]
fn locking_seals_the_head_over_all_that_was_written() {
    let mut world = World::new();
    world.record(4);
    world.journal.lock();
    world.record(2);
    let job = world.journal.sync_job(Instant::now()).unwrap();
    world.journal.synced(job.run(), Instant::now()).unwrap();
    world.assert_whole(6);
    // The head covers the four keyed records: without one of them the journal is damaged.
    let bytes = fs::read(world.segment(1)).unwrap();
    let (ranges, _) = records(&bytes);
    fs::write(world.segment(1), &bytes[..ranges[3].start]).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { at: RecordSeq(4), .. }));
}

#[test]
fn a_head_sealed_at_the_lock_that_cannot_be_written_waits_without_a_spin_and_is_not_lost() {
    let mut world = World::new();
    world.record(4);
    world.journal.lock();
    let no_head = NoHead::in_place_of_the_head(&world);
    let mut now = Instant::now();
    for _ in 0..3 {
        let job = world.journal.sync_job(now).unwrap();
        assert_eq!(head_of(&job).unwrap().seq, 4);
        world.journal.synced(job.run(), now).unwrap();
        // What is due is never in the past with nothing to do: the loop would not sleep any more.
        assert!(world.journal.sync_job(now).is_none());
        let due = world.journal.head_due().unwrap();
        assert!(due > now);
        now = due;
    }
    // A record that comes meanwhile is synced, and does not bring the retry forward.
    world.record(1);
    let job = world.journal.sync_job(now - Duration::from_millis(1)).unwrap();
    assert!(job.head.is_none());
    world.journal.synced(job.run(), now).unwrap();
    no_head.end();
    let job = world.journal.sync_job(now).unwrap();
    world.journal.synced(job.run(), now).unwrap();
    assert_eq!(world.journal.head_due(), None);
    assert!(world.journal.sync_job(now + Duration::from_secs(60)).is_none());
    world.assert_whole(5);
    // It covers the four keyed records.
    let bytes = fs::read(world.segment(1)).unwrap();
    fs::write(world.segment(1), &bytes[..records(&bytes).0[3].start]).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { at: RecordSeq(4), .. }));
}

#[test]
fn a_head_that_could_not_be_written_before_the_lock_is_written_before_the_one_of_the_lock() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    world.record(1);
    world.journal.syncing.hurry_head(3, Instant::now());
    let out = world.journal.sync_job(Instant::now()).unwrap();
    world.record(1);
    world.journal.lock();
    let no_head = NoHead::in_place_of_the_head(&world);
    let done = out.run();
    no_head.end();
    world.journal.synced(done, Instant::now()).unwrap();
    let mut written = Vec::new();
    while let Some(due) = world.journal.head_due() {
        let job = world.journal.sync_job(due).unwrap();
        written.extend(head_of(&job));
        world.journal.synced(job.run(), due).unwrap();
    }
    // Each goes to the place the one before is not in.
    assert_eq!(written.iter().map(|head| (head.counter, head.seq)).collect::<Vec<_>>(), [(3, 3), (4, 4)]);
    world.assert_whole(4);
}

#[test]
fn heads_that_wait_are_written_before_an_orderly_end() {
    let mut world = World::new();
    world.record(2);
    world.journal.lock();
    let no_head = NoHead::in_place_of_the_head(&world);
    world.journal.finish().unwrap();
    no_head.end();
    assert!(world.journal.head_due().unwrap() > Instant::now());
    world.journal.finish().unwrap();
    assert_eq!(world.journal.head_due(), None);
    let bytes = fs::read(world.segment(1)).unwrap();
    fs::write(world.segment(1), &bytes[..records(&bytes).0[1].start]).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { at: RecordSeq(2), .. }));
}

#[test]
fn with_the_keys_back_a_newer_head_takes_the_place_of_one_that_failed() {
    let mut world = World::new();
    world.record(2);
    let now = Instant::now();
    world.journal.syncing.hurry_head(2, now);
    let no_head = NoHead::in_place_of_the_head(&world);
    let job = world.journal.sync_job(now).unwrap();
    world.journal.synced(job.run(), now).unwrap();
    no_head.end();
    world.record(1);
    let due = world.journal.head_due().unwrap();
    let job = world.journal.sync_job(due).unwrap();
    assert_eq!(head_of(&job).map(|head| (head.counter, head.seq)), Some((2, 3)));
    world.journal.synced(job.run(), due).unwrap();
    assert_eq!(world.journal.head_due(), None);
    assert!(world.journal.sync_job(due + Duration::from_secs(60)).is_none());
}

#[test]
fn counters_read_before_a_job_ended_do_not_make_them_fall() {
    let mut world = World::new();
    world.record(300);
    let job = world.journal.sync_job(Instant::now()).unwrap();
    world.journal.lock();
    // Whoever unlocks reads the checkpoint in another thread, which may be before the job's.
    let keys = std::sync::Arc::clone(&world.made.unlocked.keys);
    let read = checkpoint::newest(&world.audit(), &keys).unwrap();
    assert_eq!((read.counter, job.checkpoint.as_ref().unwrap().counter), (1, 2));
    world.journal.synced(job.run(), Instant::now()).unwrap();
    world.journal.unlock(&keys, read).unwrap();
    world.record(300);
    let job = world.journal.sync_job(Instant::now()).unwrap();
    assert_eq!(job.checkpoint.as_ref().unwrap().counter, 3);
    world.journal.synced(job.run(), Instant::now()).unwrap();
    world.journal.finish().unwrap();
    world.assert_whole(600);
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

#[test]
fn any_bit_flipped_up_to_the_head_is_found() {
    let mut world = World::new();
    world.record(3);
    world.journal.lock();
    world.record(2);
    world.unlock();
    world.record(2);
    world.journal.finish().unwrap();
    let whole = fs::read(world.segment(1)).unwrap();
    let (_, end) = records(&whole);
    let verifier = Verifier::of(&world);
    for bit in 0..end * 8 {
        let mut flipped = whole[..end].to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verifier.is_damaged(&[flipped]), "bit {bit}");
    }
    assert!(!verifier.is_damaged(&[whole[..end].to_vec()]));
    assert!(!verifier.is_damaged(&[whole]));
}

#[test]
fn any_record_deleted_repeated_or_exchanged_is_found() {
    let mut world = World::new();
    world.journal.segment_max = 600;
    world.record(8);
    world.journal.finish().unwrap();
    let verifier = Verifier::of(&world);
    let count = u32::try_from(segments::numbers(&world.audit()).unwrap().len()).unwrap();
    assert!(count >= 2);
    let whole: Vec<Vec<u8>> = (1..=count)
        .map(|number| {
            let bytes = fs::read(world.segment(number)).unwrap();
            let (_, end) = records(&bytes);
            bytes[..end].to_vec()
        })
        .collect();
    assert!(!verifier.is_damaged(&whole));
    for segment in 0..whole.len() {
        let mut missing = whole.clone();
        missing.remove(segment);
        assert!(verifier.is_damaged(&missing), "without segment {segment}");
        let (ranges, _) = records(&whole[segment]);
        let piece = |range: &std::ops::Range<usize>| whole[segment][range.clone()].to_vec();
        let pieces: Vec<Vec<u8>> = ranges.iter().map(piece).collect();
        let assemble = |pieces: &[Vec<u8>]| {
            let mut changed = whole.clone();
            changed[segment] = [whole[segment][..HEADER_LEN].to_vec(), pieces.concat()].concat();
            changed
        };
        assert!(!verifier.is_damaged(&assemble(&pieces)));
        for index in 0..pieces.len() {
            let mut deleted = pieces.clone();
            deleted.remove(index);
            assert!(verifier.is_damaged(&assemble(&deleted)), "deleted");
            let mut repeated = pieces.clone();
            repeated.insert(index, pieces[index].clone());
            assert!(verifier.is_damaged(&assemble(&repeated)), "repeated");
            if index > 0 {
                let mut exchanged = pieces.clone();
                exchanged.swap(index, index - 1);
                assert!(verifier.is_damaged(&assemble(&exchanged)), "exchanged");
            }
        }
    }
}

#[test]
fn a_plain_record_cannot_be_slipped_in_or_changed_before_a_keyed_one() {
    let mut world = World::new();
    world.journal.lock();
    world.record(2);
    world.unlock();
    world.record(1);
    world.journal.finish().unwrap();
    // A forger needs no key for plain links, so the whole plain span is made anew.
    let forged = tempfile::tempdir().unwrap();
    let mut forger = Journal::open(&forged.path().join("audit")).unwrap();
    forger.add(record(900)).unwrap();
    forger.add(record(901)).unwrap();
    forger.write().unwrap();
    let theirs = fs::read(segments::path(&forged.path().join("audit"), 1)).unwrap();
    let ours = fs::read(world.segment(1)).unwrap();
    let (their_end, our_records) = (records(&theirs).1, records(&ours).0);
    let mixed = [&theirs[..their_end], &ours[our_records[2].clone()]].concat();
    assert!(Verifier::of(&world).is_damaged(&[mixed]));
}

#[test]
fn a_head_that_was_wiped_changed_or_cut_is_found() {
    let mut world = World::new();
    for _ in 0..3 {
        world.record(2);
        world.journal.finish().unwrap();
    }
    let path = world.audit().join("head");
    let whole = fs::read(&path).unwrap();
    let (verifier, segment) = (Verifier::of(&world), [fs::read(world.segment(1)).unwrap()]);
    for place in [0, 4096] {
        let mut wiped = whole.clone();
        wiped[place..place + 96].fill(0);
        fs::write(&path, &wiped).unwrap();
        assert!(verifier.is_damaged(&segment), "place {place} wiped");
        for bit in 0..96 * 8 {
            let mut flipped = whole.clone();
            flipped[place + bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            assert!(verifier.is_damaged(&segment), "bit {bit} of place {place}");
        }
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }), "removed");
    fs::write(&path, &whole).unwrap();
    world.assert_whole(6);
}

#[test]
fn a_keeper_does_not_go_on_with_a_journal_that_was_cut_before_its_head() {
    let mut world = World::new();
    world.record(6);
    world.journal.finish().unwrap();
    let bytes = fs::read(world.segment(1)).unwrap();
    fs::write(world.segment(1), &bytes[..records(&bytes).0[3].start]).unwrap();
    let failure = Journal::open(&world.audit()).err().unwrap();
    assert_eq!(failure.class, FailureClass::BadInput);
    fs::remove_file(world.segment(1)).unwrap();
    assert_eq!(Journal::open(&world.audit()).err().unwrap().class, FailureClass::BadInput);
}

#[test]
fn a_keeper_does_not_go_on_with_a_journal_whose_keyed_end_was_forged() {
    let mut world = World::new();
    world.record(6);
    world.journal.finish().unwrap();
    world.record(2);
    let mut bytes = fs::read(world.segment(1)).unwrap();
    let last = records(&bytes).0[7].clone();
    bytes[last.end - 40] ^= 1;
    fs::write(world.segment(1), &bytes).unwrap();
    world.restart();
    assert_eq!(world.try_unlock().unwrap_err().class, FailureClass::BadInput);
    assert!(world.journal.add(record(0)).is_err(), "broken for good");
}

#[test]
fn a_keyed_tail_cut_anywhere_behind_the_head_is_repaired_and_recorded() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    world.record(2);
    cut_everywhere(&mut world, World::unlock);
}

#[test]
fn a_plain_tail_cut_anywhere_behind_the_head_is_repaired_and_recorded() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    world.journal.lock();
    world.record(2);
    cut_everywhere(&mut world, |_| {});
}

/// Cuts the third and fourth record at every byte, with and without preallocated zeros behind.
fn cut_everywhere(world: &mut World, begin: fn(&mut World)) {
    let whole = fs::read(world.segment(1)).unwrap();
    let (head, verifier) = (fs::read(world.audit().join("head")).unwrap(), Verifier::of(world));
    let (ranges, end) = records(&whole);
    for cut in ranges[2].start..end {
        for zeros in [0, 5000] {
            let mut torn = whole[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            fs::write(world.segment(1), &torn).unwrap();
            fs::write(world.audit().join("head"), &head).unwrap();
            assert!(!verifier.is_damaged(&[torn.clone()]), "cut at {cut}, {zeros} zeros");
            world.restart();
            begin(world);
            // What the file still holds, not where it was cut: a zero at the end of a link comes back
            // with the zeros behind it.
            let kept = ranges.iter().filter(|range| torn.get(..range.end) == whole.get(..range.end)).count();
            let behind = kept.checked_sub(1).map_or(0, |last| ranges[last].end);
            let is_torn = torn[behind..].iter().any(|byte| *byte != 0);
            let seq = world.journal.add(record(9)).unwrap();
            // A repair is a record of its own, before the one that was asked for.
            assert_eq!(seq.0, kept as u64 + if is_torn { 2 } else { 1 }, "cut at {cut}, {zeros} zeros");
            world.journal.write().unwrap();
            let after = fs::read(world.segment(1)).unwrap();
            let mut rest = &after[records(&after).0[kept].start..];
            let next = RawRecord::take(&mut rest).unwrap().unwrap().record().unwrap();
            assert_eq!(next.event, if is_torn { Event::JournalRepaired } else { Event::LeaseUsed });
            assert!(!verifier.is_damaged(&[after]), "repaired at {cut}, {zeros} zeros");
        }
    }
}

#[test]
fn a_torn_tail_is_said_by_the_verifier_and_left_alone() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    world.record(1);
    let whole = fs::read(world.segment(1)).unwrap();
    let (_, end) = records(&whole);
    fs::write(world.segment(1), &whole[..end - 3]).unwrap();
    assert!(matches!(world.verdict(), Verdict::Whole { records: 2, torn_tail: true, .. }));
    assert_eq!(fs::read(world.segment(1)).unwrap().len(), end - 3);
}

#[test]
fn a_complete_record_that_is_wrong_is_damage_not_a_torn_tail() {
    let mut world = World::new();
    world.journal.lock();
    world.record(3);
    let whole = fs::read(world.segment(1)).unwrap();
    let (ranges, _) = records(&whole);
    let mut wrong = whole.clone();
    wrong[ranges[2].start + 10] ^= 1;
    fs::write(world.segment(1), &wrong).unwrap();
    assert_eq!(Journal::open(&world.audit()).err().unwrap().class, FailureClass::BadInput);
    // A length that cannot be, with records behind it.
    let mut wrong = whole;
    wrong[ranges[0].start + 3] = 0xFF;
    fs::write(world.segment(1), &wrong).unwrap();
    assert_eq!(Journal::open(&world.audit()).err().unwrap().class, FailureClass::BadInput);
}

#[test]
fn a_segment_that_was_never_begun_is_taken_away() {
    for content in [&b""[..], &[0; 4096]] {
        let mut world = World::new();
        world.record(2);
        world.journal.finish().unwrap();
        fs::write(world.segment(2), content).unwrap();
        world.assert_whole(2);
        world.restart();
        world.unlock();
        assert_eq!(world.journal.add(record(1)), Ok(RecordSeq(4)));
        world.journal.finish().unwrap();
        world.assert_whole(4);
        assert!(!world.segment(2).exists());
    }
}

/// Neither segment was synced when the power went: the disk has the second's page, and not the
/// first's last.
#[test]
fn a_rotation_that_reached_the_disk_in_part_is_repaired() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    world.journal.segment_max = 400;
    world.record(4);
    assert!(world.segment(2).exists());
    let bytes = fs::read(world.segment(1)).unwrap();
    let (ranges, _) = records(&bytes);
    assert!(ranges.len() >= 3);
    fs::write(world.segment(1), &bytes[..ranges[2].start + 9]).unwrap();
    world.restart();
    world.unlock();
    assert_eq!(world.journal.add(record(1)), Ok(RecordSeq(4)));
    world.journal.finish().unwrap();
    world.assert_whole(4);
    assert!(!world.segment(2).exists());
}

#[test]
fn a_segment_missing_in_the_middle_or_under_another_name_is_damage() {
    let mut world = World::new();
    world.journal.segment_max = 300;
    world.record(8);
    world.journal.finish().unwrap();
    fs::rename(world.segment(2), world.audit().join("away")).unwrap();
    assert_eq!(Journal::open(&world.audit()).err().unwrap().class, FailureClass::BadInput);
    fs::rename(world.segment(3), world.segment(2)).unwrap();
    fs::rename(world.audit().join("away"), world.segment(3)).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { segment: 2, .. }));
}

#[test]
fn a_write_that_fails_counts_for_nothing_and_the_next_one_goes_on() {
    let mut world = World::new();
    world.record(2);
    for after in [0, 1, 60, 150] {
        let before = fs::read(world.segment(1)).unwrap();
        let (_, end) = records(&before);
        world.journal.current.as_mut().unwrap().full_after = Some(after);
        let seq = world.journal.add(record(1)).unwrap();
        world.journal.add(record(2)).unwrap();
        let failure = world.journal.write().unwrap_err();
        assert_eq!(failure.class, FailureClass::Io);
        let now = fs::read(world.segment(1)).unwrap();
        assert_eq!(&now[..], &before[..end]);
        world.journal.current.as_mut().unwrap().full_after = None;
        assert_eq!(world.journal.add(record(3)), Ok(seq));
        world.journal.write().unwrap();
    }
    world.journal.finish().unwrap();
    world.assert_whole(6);
}

#[test]
fn a_write_that_fails_while_beginning_a_segment_leaves_none() {
    let mut world = World::new();
    world.journal.segment_max = 400;
    world.record(2);
    // A directory in the place of the next segment.
    fs::create_dir(world.segment(2)).unwrap();
    let mut first = None;
    for number in 0..6 {
        let seq = world.journal.add(record(number)).unwrap();
        first.get_or_insert(seq);
    }
    assert!(world.journal.write().is_err());
    assert!(world.journal.broken().is_none());
    fs::remove_dir(world.segment(2)).unwrap();
    assert_eq!(world.journal.add(record(1)).ok(), first);
    world.record(6);
    world.journal.finish().unwrap();
    world.assert_whole(2 + 1 + 6);
}

#[test]
fn a_write_that_fails_after_locking_leaves_a_journal_that_unlocks_again() {
    let mut world = World::new();
    world.record(2);
    world.journal.add(record(1)).unwrap();
    world.journal.lock();
    world.journal.current.as_mut().unwrap().full_after = Some(5);
    assert!(world.journal.write().is_err());
    world.journal.current.as_mut().unwrap().full_after = None;
    world.record(1);
    world.unlock();
    world.record(2);
    world.journal.finish().unwrap();
    world.assert_whole(5);
}

#[test]
fn a_failed_sync_is_final() {
    let mut world = World::new();
    world.record(1);
    let job = world.journal.sync_job(Instant::now()).unwrap();
    let done = job.run().failed();
    assert!(world.journal.synced(done, Instant::now()).is_err());
    assert!(world.journal.add(record(1)).is_err());
    assert!(world.journal.sync_job(Instant::now()).is_none());
    assert!(world.journal.head_due().is_none());
}

#[test]
fn a_journal_of_another_vault_is_not_taken_over() {
    let mut world = World::new();
    world.record(2);
    world.journal.finish().unwrap();
    let dir = world.made.dir;
    drop(world.made.store);
    fs::remove_dir_all(dir.path().join("vault")).unwrap();
    fs::remove_file(dir.path().join("metadata.redb")).unwrap();
    let (mut store, _) = Store::open(dir.path(), Create::MayCreate).unwrap();
    let (backend, cost) = (proto::name::Backend::FileVault, proto::control_lane::KdfCost::MIN);
    let asked = store.init(backend, cost, Some(secret(b"other")), Timestamp(1));
    assert_eq!(asked.err().unwrap().class, FailureClass::Config);
}

#[test]
fn a_wrong_passphrase_gives_no_verdict() {
    let world = World::new();
    let failure = verdict_with(world.made.dir.path(), None, b"open says me").unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_walk_panic_or_go_on_for_ever(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..3000),
        header in proptest::bool::ANY,
    ) {
        let mut bytes = bytes;
        if header {
            let begin = SegmentHeader { number: 1, first: RecordSeq(1), before: [0; 32] }.encode();
            bytes.splice(0..0, begin);
        }
        if let Ok(Begin::Header(_, mut walk)) = Walk::begin(&bytes) {
            let mut steps = 0;
            while let Next::Record { raw, .. } = walk.next() {
                let _ = (walk.may_be_cut(&raw), raw.record());
                steps += 1;
                proptest::prop_assert!(steps <= bytes.len());
            }
            proptest::prop_assert!(walk.at() <= bytes.len());
        }
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
        let file = |bytes: &Vec<u8>| {
            let path = tempfile::NamedTempFile::new().unwrap();
            fs::write(path.path(), bytes).unwrap();
            File::open(path.path()).unwrap()
        };
        let claims = Claims::from_file(&super::head_file(&self.audit).unwrap()).unwrap();
        let both = checkpoint::both(&super::checkpoint_file(&self.audit).unwrap()).unwrap();
        let checkpoints = checkpoint::opened(&self.keys, &both).unwrap();
        let evidence = Evidence::new(&self.keys, &claims, checkpoints, None);
        let files = segments.iter().map(file).collect();
        match check(self.first.copy().unwrap(), evidence, files) {
            Ok(Verdict::Whole { .. }) => false,
            Ok(Verdict::Damaged { .. }) => true,
            // A flipped bit may make a format of the future.
            Err(failure) => {
                assert_eq!(failure.class, FailureClass::Config);
                true
            }
        }
    }
}
