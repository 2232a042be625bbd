//! Claims about what is found of a journal that somebody changed.

use proptest::arbitrary::Arbitrary as _;

use super::*;

/// Several segments, with a span that was written while the vault was locked.
fn several() -> World {
    let mut world = World::new();
    world.journal.segment_max = 400;
    world.record(4);
    world.journal.lock();
    world.record(3);
    world.unlock();
    world.record(4);
    world.journal.finish().unwrap();
    assert!(world.segment(3).exists());
    world
}

#[test]
fn any_bit_flipped_up_to_the_head_is_found_in_headers_and_records_of_every_segment() {
    let world = several();
    let verifier = Verifier::of(&world);
    let whole = Pieces::all_whole(&Pieces::of(&world));
    assert!(!verifier.is_damaged(&whole));
    for segment in 0..whole.len() {
        let mut flipped = whole.clone();
        for bit in 0..whole[segment].len() * 8 {
            flipped[segment][bit / 8] ^= 1 << (bit % 8);
            assert!(verifier.is_damaged(&flipped), "bit {bit} of segment {}", segment + 1);
            flipped[segment][bit / 8] ^= 1 << (bit % 8);
        }
    }
    let as_they_are = |number| fs::read(world.segment(number)).unwrap();
    let count = u32::try_from(whole.len()).unwrap();
    assert!(!verifier.is_damaged(&(1..=count).map(as_they_are).collect::<Vec<_>>()), "with zeros behind");
}

/// What is wrong, in the words that are used for it.
#[track_caller]
fn says(verifier: &Verifier, segments: &[Pieces], at: u64, word: &str) {
    let (found, what) = verifier.damage(&Pieces::all_whole(segments)).expect("it is found");
    assert_eq!((found, what.contains(word)), (at, true), "{word} at {at}: {what}");
    let words = ["changed", "missing", "repeated or out of order", "cut off"];
    assert_eq!(words.iter().filter(|word| what.contains(**word)).count(), 1, "one of them: {what}");
}

#[test]
fn the_first_record_that_is_wrong_is_named_and_what_is_wrong_with_it() {
    let world = several();
    let verifier = Verifier::of(&world);
    let whole = Pieces::of(&world);
    let count: usize = whole.iter().map(|pieces| pieces.records.len()).sum();
    let mut seq = 0;
    for (segment, pieces) in whole.iter().enumerate() {
        for index in 0..pieces.records.len() {
            seq += 1;
            let is_last = seq == count as u64;
            let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
                let mut changed = whole.clone();
                change(&mut changed[segment].records);
                changed
            };
            let name = pieces.records[index].windows(5).position(|text| text == b"ugent").unwrap();
            says(&verifier, &with(&|records| records[index][name] ^= 1), seq, "changed");
            let deleted = with(&|records| drop(records.remove(index)));
            says(&verifier, &deleted, seq, if is_last { "cut off" } else { "missing" });
            if !is_last {
                let again = pieces.records[index].clone();
                let repeated = with(&|records| records.insert(index, again.clone()));
                says(&verifier, &repeated, seq + 1, "repeated or out of order");
                let mut cut = with(&|records| records.truncate(index));
                cut.truncate(segment + 1);
                says(&verifier, &cut, seq, "cut off");
            }
            if index > 0 {
                let exchanged = with(&|records| records.swap(index, index - 1));
                says(&verifier, &exchanged, seq - 1, "repeated or out of order");
            }
        }
    }
}

#[test]
fn the_first_segment_that_is_wrong_is_named_and_what_is_wrong_with_it() {
    let world = several();
    let verifier = Verifier::of(&world);
    let whole = Pieces::of(&world);
    let mut first = 1;
    for segment in 0..whole.len() {
        let is_last = segment + 1 == whole.len();
        let next = first + whole[segment].records.len() as u64;
        let mut missing = whole.clone();
        missing.remove(segment);
        says(&verifier, &missing, first, if is_last { "cut off" } else { "missing" });
        let mut repeated = whole.clone();
        repeated.insert(segment, whole[segment].clone());
        says(&verifier, &repeated, next, "repeated or out of order");
        if segment > 0 && !is_last {
            let mut exchanged = whole.clone();
            exchanged.swap(segment, segment + 1);
            says(&verifier, &exchanged, first, "repeated or out of order");
        }
        // Its number, and the number of its first record.
        for byte in [12, 16] {
            let mut changed = whole.clone();
            changed[segment].header[byte] ^= 0x20;
            let (at, what) = verifier.damage(&Pieces::all_whole(&changed)).expect("it is found");
            assert!(what.contains("changed") || segment == 0, "{what}");
            assert!(at == first || segment == 0, "at {at}");
        }
        first = next;
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn any_two_records_or_segments_exchanged_or_copied_are_found(
        spans in proptest::collection::vec((1_u64..6, proptest::bool::ANY), 1..5),
        segment_max in 250_u64..1500,
        places in proptest::collection::vec(
            (proptest::sample::Index::arbitrary(), proptest::sample::Index::arbitrary()),
            24,
        ),
    ) {
        let mut world = World::new();
        world.journal.segment_max = segment_max;
        for (count, is_locked) in spans {
            if is_locked {
                world.journal.lock();
                world.record(count);
                world.unlock();
            }
            world.record(count);
        }
        world.journal.finish().unwrap();
        let verifier = Verifier::of(&world);
        let whole = Pieces::of(&world);
        proptest::prop_assert!(!verifier.is_damaged(&Pieces::all_whole(&whole)));
        let all: Vec<(usize, usize)> = whole
            .iter()
            .enumerate()
            .flat_map(|(segment, pieces)| (0..pieces.records.len()).map(move |index| (segment, index)))
            .collect();
        for (one, other) in places {
            let (from, to) = (*one.get(&all), *other.get(&all));
            let mut exchanged = whole.clone();
            exchanged[from.0].records[from.1] = whole[to.0].records[to.1].clone();
            exchanged[to.0].records[to.1] = whole[from.0].records[from.1].clone();
            let is_found = verifier.is_damaged(&Pieces::all_whole(&exchanged));
            proptest::prop_assert_eq!(is_found, from != to, "{:?} and {:?} exchanged", from, to);
            let mut copied = whole.clone();
            copied[to.0].records.insert(to.1, whole[from.0].records[from.1].clone());
            // The last again behind itself is behind the head, and may look like one that was cut.
            if (from, to) != (all[all.len() - 1], all[all.len() - 1]) {
                let is_found = verifier.is_damaged(&Pieces::all_whole(&copied));
                proptest::prop_assert!(is_found, "{:?} before {:?} again", from, to);
            }
            let (from, to) = (from.0, to.0);
            let mut exchanged = whole.clone();
            exchanged.swap(from, to);
            let is_found = verifier.is_damaged(&Pieces::all_whole(&exchanged));
            proptest::prop_assert_eq!(is_found, from != to, "segments {} and {} exchanged", from, to);
            let mut copied = whole.clone();
            copied.insert(to, whole[from].clone());
            let is_found = verifier.is_damaged(&Pieces::all_whole(&copied));
            proptest::prop_assert!(is_found, "segment {} before {} again", from, to);
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
