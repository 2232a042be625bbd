//! Claims about the checkpoint of the journal's key: it moves forward, and nothing opens without it.

use super::*;

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
