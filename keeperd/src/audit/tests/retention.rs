//! Claims about what is cut off, and what is found of cuts nobody recorded.

use proto::control_lane::Keep;
use proto::journal::Chained;

use super::*;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A journal of many small segments, all under a head and a checkpoint, with those limits.
fn long(keep: Keep) -> World {
    let mut world = World::new();
    world.journal.retention.set(keep);
    world.journal.segment_max = 1000;
    for _ in 0..6 {
        world.record(10);
        world.journal.finish().unwrap();
    }
    assert!(world.segment(6).exists());
    world
}

fn bytes_of(world: &World) -> u64 {
    let sizes = segments::numbers(&world.audit()).unwrap().into_iter();
    sizes.map(|number| fs::metadata(world.segment(number)).unwrap().len()).sum()
}

/// Looks, records and removes, as the loop does; whether there was anything to cut.
fn cut(world: &mut World, clock: u64) -> bool {
    let soon = Instant::now() + Duration::from_secs(7200);
    world.journal.retention.look_at(soon);
    let Some(cut) = world.journal.due_cut(soon, Timestamp(clock)) else { return false };
    let mut told = Record::of(Event::JournalCut, Timestamp(clock));
    told.count = Some(cut.last);
    let seq = world.journal.add(told).unwrap();
    world.journal.cut_recorded(cut, seq);
    world.journal.finish().unwrap();
    true
}

fn half(world: &World) -> Keep {
    Keep { max_bytes: Some(bytes_of(world) / 2), days: None }
}

#[test]
fn what_is_too_much_goes_oldest_first_and_the_rest_is_whole() {
    let mut world = long(Keep::default());
    assert!(!cut(&mut world, 1_700_000_000_000), "without a limit nothing goes");
    let keep = half(&world);
    world.journal.retention.set(keep);
    assert!(cut(&mut world, 1_700_000_000_000));
    assert!(bytes_of(&world) <= keep.max_bytes.unwrap() + 4096 * 2);
    assert!(!world.segment(1).exists());
    let Verdict::Whole { records, cut: gone, last, .. } = world.verdict() else { panic!("damaged") };
    assert!(gone > 0);
    assert_eq!(records + gone, last.0);
    assert_eq!(last.0, 61);
    // And it goes on, over a restart, another unlock and more cuts.
    world.restart();
    world.journal.retention.set(keep);
    world.unlock();
    world.journal.segment_max = 1000;
    world.record(30);
    world.journal.finish().unwrap();
    assert!(cut(&mut world, 1_700_000_000_000));
    let Verdict::Whole { cut: more, .. } = world.verdict() else { panic!("damaged") };
    assert!(more > gone);
}

#[test]
fn what_is_too_old_goes_and_never_the_last_two_segments() {
    let mut world = long(Keep { max_bytes: None, days: Some(1) });
    assert!(!cut(&mut world, 1_700_000_000_000 + DAY_MS - 1000), "nothing is a day old");
    assert!(cut(&mut world, 1_700_000_000_000 + 9 * DAY_MS));
    // The two that were the last when it was judged; what tells of it may have begun another.
    let left = segments::numbers(&world.audit()).unwrap();
    assert!(left.len() >= 2 && left.len() <= 3, "{left:?}");
    assert!(matches!(world.verdict(), Verdict::Whole { cut: 1.., .. }));
}

#[test]
fn nothing_goes_before_its_record_is_under_a_head() {
    let mut world = long(Keep::default());
    world.journal.retention.set(half(&world));
    let before = segments::numbers(&world.audit()).unwrap();
    let soon = Instant::now() + Duration::from_secs(7200);
    let cut = world.journal.due_cut(soon, Timestamp(1_700_000_000_000)).unwrap();
    let seq = world.journal.add(record(1)).unwrap();
    world.journal.cut_recorded(cut, seq);
    world.journal.write().unwrap();
    let now = Instant::now();
    let job = world.journal.sync_job(now).unwrap();
    assert!(job.head.is_none() && job.remove_before.is_none(), "no head is due yet");
    world.journal.synced(job.run(), now).unwrap();
    assert_eq!(segments::numbers(&world.audit()).unwrap(), before);
    // With a head that cannot be written nothing goes either.
    let no_head = NoHead::in_place_of_the_head(&world);
    let due = world.journal.head_due().unwrap();
    let job = world.journal.sync_job(due).unwrap();
    assert!(job.remove_before.is_some());
    world.journal.synced(job.run(), due).unwrap();
    no_head.end();
    assert_eq!(segments::numbers(&world.audit()).unwrap(), before);
}

#[test]
fn a_cut_whose_record_was_not_written_is_forgotten() {
    let mut world = long(Keep::default());
    world.journal.retention.set(half(&world));
    let soon = Instant::now() + Duration::from_secs(7200);
    let cut = world.journal.due_cut(soon, Timestamp(1_700_000_000_000)).unwrap();
    let seq = world.journal.add(record(1)).unwrap();
    world.journal.cut_recorded(cut, seq);
    world.journal.current.as_mut().unwrap().full_after = Some(3);
    assert!(world.journal.write().is_err());
    world.journal.current.as_mut().unwrap().full_after = None;
    world.record(3);
    world.journal.finish().unwrap();
    assert!(world.segment(1).exists());
    world.assert_whole(63);
}

#[test]
fn a_crash_between_the_record_of_a_cut_and_the_cut_is_whole() {
    let mut world = long(Keep::default());
    let kept: Vec<_> =
        [1, 2, 3].iter().map(|number| (*number, fs::read(world.segment(*number)).unwrap())).collect();
    world.journal.retention.set(half(&world));
    assert!(cut(&mut world, 1_700_000_000_000));
    assert!(!world.segment(3).exists());
    for (number, bytes) in kept.into_iter().rev() {
        fs::write(world.segment(number), bytes).unwrap();
        assert!(matches!(world.verdict(), Verdict::Whole { .. }));
        world.restart();
        world.unlock();
    }
    world.assert_whole(61);
}

#[test]
fn segments_that_are_gone_without_a_record_are_missed() {
    let world = long(Keep::default());
    fs::remove_file(world.segment(1)).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { at: RecordSeq(1), .. }));
}

#[test]
fn more_than_was_recorded_to_go_is_missed() {
    let mut world = long(Keep::default());
    world.journal.retention.set(half(&world));
    assert!(cut(&mut world, 1_700_000_000_000));
    let next = segments::numbers(&world.audit()).unwrap()[0];
    fs::remove_file(world.segment(next)).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }));
}

/// Whoever takes segments away while the vault is locked could add a record that needs no key.
#[test]
fn a_cut_told_of_without_a_key_counts_for_nothing() {
    let mut world = long(Keep::default());
    world.journal.lock();
    let mut told = record(1);
    told.event = Event::JournalCut;
    told.count = Some(9);
    world.journal.add(told).unwrap();
    world.journal.write().unwrap();
    world.unlock();
    world.record(2);
    world.journal.finish().unwrap();
    world.assert_whole(63);
    fs::remove_file(world.segment(1)).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }));
}

#[test]
fn steps_that_cannot_be_do_not_keep_a_verifier_busy() {
    let world = long(Keep::default());
    let mut bytes = fs::read(world.segment(3)).unwrap();
    let first = records(&bytes).0[0].clone();
    let mut found = RawRecord::take(&mut &bytes[first.clone()]).unwrap().unwrap().record().unwrap();
    found.chained = Chained::Keyed { step: u64::MAX };
    let body = proto::journal::encode_body(&found).unwrap();
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    bytes.splice(first, [&length[..], &body, &[7; 32]].concat());
    assert!(Verifier::of(&world).is_damaged(&[bytes]));
}
