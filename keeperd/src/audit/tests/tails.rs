//! Claims about what a crash leaves at the end, and the walk along bytes that may be anything.

use super::*;

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
