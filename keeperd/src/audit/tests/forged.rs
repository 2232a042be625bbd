//! Claims about who has taken over a keeper: the data key is theirs, and the chain's key of now.

use super::*;
use crate::hazmat::chain_key::ChainKey;

/// All that a keeper's memory and files hold: the data key, and the newest checkpoint.
fn taken(world: &World) -> (&Keys, ChainKey) {
    let keys = &world.made.unlocked.keys;
    (keys, checkpoint::newest(&world.audit(), keys).unwrap().chain)
}

/// Writes the journal anew from a record on, with a head that fits, as well as that key allows.
fn rewritten(world: &World, from: usize, mut key: ChainKey) -> Vec<u8> {
    let bytes = fs::read(world.segment(1)).unwrap();
    let (ranges, _) = records(&bytes);
    let mut out = bytes[..ranges[from].start].to_vec();
    let mut before: [u8; 32] = out[out.len() - 32..].try_into().unwrap();
    for range in &ranges[from..] {
        let mut record = RawRecord::take(&mut &bytes[range.clone()]).unwrap().unwrap().record().unwrap();
        record.time = Timestamp(1);
        let body = proto::journal::encode_body(&record).unwrap();
        before = crate::audit::chain::keyed_link(&key, &before, None, &body);
        key.advance().unwrap();
        out.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&before);
    }
    let keys = &world.made.unlocked.keys;
    let seq = ranges.len() as u64;
    for counter in [98, 99] {
        let head = crate::audit::head::Head { counter, seq, link: before };
        crate::audit::head::SealedHead::new(keys, head).write(&world.audit()).unwrap();
    }
    out
}

fn recorded(count: u64) -> World {
    let mut world = World::new();
    world.record(count);
    world.journal.finish().unwrap();
    world
}

#[test]
fn records_older_than_the_last_checkpoint_cannot_be_forged_with_all_a_keeper_has() {
    let world = recorded(300);
    let (_, key) = taken(&world);
    assert_eq!(key.step(), 301, "a checkpoint was made, and the keys before it are nowhere");
    let (verifier, whole) = (Verifier::of(&world), copy_of(&world));
    for from in [1, 150, 298, 299] {
        let (_, key) = taken(&world);
        let forged = rewritten(&world, from, key);
        fs::write(world.segment(1), &forged).unwrap();
        let found = world.verdict();
        let Verdict::Damaged { at, .. } = found else { panic!("from {from}: {found:?}") };
        assert_eq!(at, RecordSeq(from as u64 + 1), "the first forged record is named");
        assert!(verifier.is_damaged(&[forged]));
        put_back(&whole);
    }
    world.assert_whole(300);
}

/// The other half of the claim: behind the checkpoint they can. It is in THREAT-MODEL.md.
#[test]
fn what_follows_the_last_checkpoint_can_be_forged_by_who_has_it() {
    let mut world = recorded(1);
    world.record(99);
    world.journal.finish().unwrap();
    let (_, mut key) = taken(&world);
    assert_eq!(key.step(), 2, "no checkpoint since the segment was begun");
    for _ in 0..49 {
        key.advance().unwrap();
    }
    let forged = rewritten(&world, 50, key);
    fs::write(world.segment(1), &forged).unwrap();
    assert!(matches!(world.verdict(), Verdict::Whole { .. }));
}

#[test]
fn a_checkpoint_of_another_step_or_key_is_found() {
    let world = recorded(300);
    let path = world.audit().join("checkpoint");
    let whole = fs::read(&path).unwrap();
    let (keys, mut key) = taken(&world);
    // Ahead of the journal.
    key.advance().unwrap();
    checkpoint::SealedCheckpoint::new(keys, 4, &key).unwrap().write(&world.audit()).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }), "ahead");
    // Of a step the journal has, and not its key.
    let other = recorded(300);
    let (_, key) = taken(&other);
    checkpoint::SealedCheckpoint::new(keys, 6, &key).unwrap().write(&world.audit()).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }), "of another chain");
    fs::write(&path, &whole).unwrap();
    world.assert_whole(300);
    for damage in [Vec::new(), vec![0; whole.len()], vec![1; whole.len()], vec![0; 100_000]] {
        fs::write(&path, damage).unwrap();
        assert!(matches!(world.verdict(), Verdict::Damaged { .. }));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(world.verdict(), Verdict::Damaged { .. }), "gone");
}

#[test]
fn what_was_noted_elsewhere_finds_a_rollback_of_everything() {
    let mut world = recorded(10);
    let before = copy_of(&world);
    world.record(5);
    world.journal.finish().unwrap();
    let Verdict::Whole { last, link, .. } = world.verdict() else { panic!("damaged") };
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&link[2 * at..2 * at + 2], 16).unwrap()).collect();
    let noted = Noted { seq: last, link: bytes.try_into().unwrap() };
    let asked = |noted| verdict_with(world.made.dir.path(), Some(noted), b"open sesame").unwrap();
    assert!(matches!(asked(noted), Verdict::Whole { .. }));
    let other = Noted { seq: RecordSeq(14), ..noted };
    assert!(matches!(asked(other), Verdict::Damaged { at: RecordSeq(14), .. }), "another record's link");
    put_back(&before);
    world.assert_whole(10);
    assert!(matches!(asked(noted), Verdict::Damaged { at: RecordSeq(11), .. }), "rolled back");
}

fn copy_of(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(world.audit()).unwrap();
    entries.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn put_back(copy: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in copy {
        fs::write(path, bytes).unwrap();
    }
}
