//! Claims about the sealed head: when it is written, what it covers, and what is found without it.

use super::*;

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
