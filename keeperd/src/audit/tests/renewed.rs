//! Claims about syncs that fail: never tried again on the same file.

use std::os::unix::fs::MetadataExt;

use super::*;

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

/// One sync that went well, so that what is before is known to be on the disk.
fn settled() -> World {
    let mut world = World::new();
    world.record(3);
    world.journal.finish().unwrap();
    world
}

#[test]
fn after_a_failed_sync_the_segment_is_another_file_and_nothing_is_missing() {
    let mut world = settled();
    let before = inode(&world.segment(1));
    world.record(2);
    let now = Instant::now();
    let job = world.journal.sync_job(now).unwrap();
    // Written while the job is out.
    world.record(2);
    let done = job.run().lost_a_segment();
    // As a kernel does it that drops what it could not write.
    let bytes = fs::read(world.segment(1)).unwrap();
    let (ranges, end) = records(&bytes);
    let mut dropped = bytes.clone();
    dropped[ranges[3].start..end].fill(0);
    fs::write(world.segment(1), &dropped).unwrap();

    assert_eq!(world.journal.synced(done, now), Ok(RecordSeq(7)), "all of it is on the disk");
    assert!(world.journal.take_mended().is_some() && world.journal.take_mended().is_none());
    assert_ne!(inode(&world.segment(1)), before);
    assert_eq!(fs::read(world.segment(1)).unwrap()[..end], bytes[..end]);
    assert!(!world.journal.unsynced());
    world.record(3);
    world.journal.finish().unwrap();
    world.assert_whole(10);
    world.restart();
    world.unlock();
    world.record(1);
    world.journal.finish().unwrap();
    world.assert_whole(11);
}

#[test]
fn segments_begun_since_are_written_anew_too() {
    let mut world = settled();
    world.journal.segment_max = 700;
    world.record(12);
    assert!(world.segment(3).exists());
    let now = Instant::now();
    let done = world.journal.sync_job(now).unwrap().run().lost_a_segment();
    assert_eq!(world.journal.synced(done, now), Ok(RecordSeq(15)));
    world.record(2);
    world.journal.finish().unwrap();
    world.assert_whole(17);
}

#[test]
fn a_head_that_was_to_follow_is_not_lost_with_the_sync() {
    let mut world = settled();
    world.record(4);
    world.journal.lock();
    let now = Instant::now();
    let job = world.journal.sync_job(now).unwrap();
    assert!(job.head.is_some());
    world.journal.synced(job.run().lost_a_segment(), now).unwrap();
    let due = world.journal.head_due().unwrap();
    let job = world.journal.sync_job(due).unwrap();
    assert_eq!(head_of(&job).unwrap().seq, 7);
    world.journal.synced(job.run(), due).unwrap();
    world.assert_whole(7);
}

/// What a keeper before wrote may itself never have been synced: nobody knows what the disk has.
#[test]
fn without_one_good_sync_before_a_failed_one_is_final() {
    let mut world = World::new();
    world.record(1);
    let now = Instant::now();
    let done = world.journal.sync_job(now).unwrap().run().lost_a_segment();
    assert!(world.journal.synced(done, now).is_err());
    assert!(world.journal.add(record(1)).is_err());
}

#[test]
fn where_no_new_file_can_be_written_it_is_final() {
    let mut world = settled();
    world.record(1);
    let now = Instant::now();
    let job = world.journal.sync_job(now).unwrap();
    fs::create_dir(world.segment(1).with_extension("new")).unwrap();
    assert!(world.journal.synced(job.run().lost_a_segment(), now).is_err());
    assert!(world.journal.broken().is_some());
    fs::remove_dir(world.segment(1).with_extension("new")).unwrap();
    assert!(world.journal.add(record(1)).is_err(), "also when it could be later");
}
