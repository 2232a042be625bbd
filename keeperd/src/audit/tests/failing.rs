//! Claims about writes and syncs that fail.

use super::*;

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
