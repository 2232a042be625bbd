//! Claims about a journal that nobody touched: it is whole, over locks, kills and segments.

use super::*;

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
