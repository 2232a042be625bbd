//! INV-12: backups, restores and imports are killed at random moments, the keeper as well as the command
//! itself. Afterwards there is all of it or nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tests::world::census;
use tests::world::until::until_true;
use tests::world::{Call, HANDLE, World, below, passphrase};

use super::deposits::{Moment, interrupted, turns};

fn file(world: &World) -> PathBuf {
    world.home().around().join("vault.backup")
}

fn back_up(world: &World, own: &str) -> Call {
    let path = file(world);
    world.ugent(&["backup", path.to_str().unwrap(), "--backup-passphrase-fd", "0"]).typing(own)
}

fn restore(world: &World, file: &Path, own: &str) -> Call {
    world.ugent(&["restore", file.to_str().unwrap(), "--backup-passphrase-fd", "0"]).typing(own)
}

/// Runs a command and kills its keeper, or itself, by turns; says whether it succeeded all the same.
fn killed(world: &World, call: Call, turn: u32, whole: Duration) -> bool {
    let moment = whole.mul_f64(f64::from(below(1300)) / 1000.0);
    if turn.is_multiple_of(2) {
        return interrupted(world, call, Moment::Any(moment));
    }
    let mut call = call.start();
    let _ = call.ends_within(moment);
    call.signal(Signal::SIGKILL);
    let succeeded = call.outcome().code == Some(0);
    // Its keeper ends when its lanes do.
    until_true("no keeper is left", || {
        !census::attached_to(world.home().around()).iter().any(|process| process.name == "keeperd")
    });
    succeeded
}

/// How long it takes if nobody disturbs it.
fn undisturbed(call: Call) -> Duration {
    let started = Instant::now();
    drop(call.run().succeeded());
    started.elapsed()
}

fn with_secrets(count: u32) -> World {
    let world = World::ready();
    for number in 1..count {
        let add = world.ugent(&["add", &format!("@key{number}"), "--stdin"]);
        drop(add.typing(tests::world::key()).run().succeeded());
    }
    world
}

#[test]
fn a_killed_restore_leaves_an_empty_home_or_a_whole_one() {
    let (old, own) = (with_secrets(12), passphrase());
    drop(back_up(&old, &own).run().succeeded());
    let whole = undisturbed(restore(&World::bare(), &file(&old), &own));
    let (mut kills, mut empty) = (0, 0);
    for turn in 0..turns().min(100) {
        let world = World::bare();
        let succeeded = killed(&world, restore(&world, &file(&old), &own), turn, whole);
        let is_there = world.home().path().join("secrets/vault").exists();
        assert!(is_there || !succeeded, "what was told is so");
        kills += u32::from(!succeeded);
        if !is_there {
            empty += 1;
            world.ugent(&["list"]).run().refused(78, &[]);
            drop(restore(&world, &file(&old), &own).run().succeeded());
        }
        assert_eq!(world.handles(), old.handles());
        drop(world.ugent(&["audit", "--verify"]).run().succeeded());
        drop(world.ugent(&["rotate", HANDLE, "--stdin"]).typing(tests::world::key()).run().succeeded());
        let left = std::fs::read_dir(world.home().path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        let is_staging = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".restore-");
        assert!(is_there || !left.iter().any(is_staging), "the next restore cleans up: {left:?}");
    }
    eprintln!("{kills} restores were killed, {empty} of these left an empty home");
    assert!(kills > 0 && empty > 0, "the moments are badly chosen");
}

/// Looks through it, once that may be tried: a try that is killed counts as a wrong one, and after two
/// the next must wait.
fn whole_journal(world: &World) {
    until_true("it is whole", || world.ugent(&["audit", "--verify"]).run().code == Some(0));
}

#[test]
fn a_killed_backup_leaves_no_file_or_a_whole_one() {
    let (world, own) = (with_secrets(4), passphrase());
    let whole = undisturbed(back_up(&world, &own));
    std::fs::remove_file(file(&world)).unwrap();
    let mut kills = 0;
    for turn in 0..turns().min(60) {
        let succeeded = killed(&world, back_up(&world, &own), turn, whole);
        let is_there = file(&world).exists();
        assert!(is_there || !succeeded, "what was told is so");
        kills += u32::from(!succeeded);
        if is_there {
            let new = World::bare();
            drop(restore(&new, &file(&world), &own).run().succeeded());
            assert_eq!(new.handles(), world.handles());
            std::fs::remove_file(file(&world)).unwrap();
        }
    }
    eprintln!("{kills} backups were killed");
    assert!(kills > 0, "the moments are badly chosen");
    whole_journal(&world);
}

#[test]
fn a_killed_import_leaves_all_of_it_or_none() {
    let world = World::with_vault();
    let path = world.home().workspace().join(".env");
    let text: String =
        (0..20).map(|number| format!("NUMBER{number}_KEY={}\n", tests::world::key())).collect();
    let import = || world.ugent(&["import", "--env-file", ".env", "--yes", "--rewrite"]);
    let reset = || {
        whole_journal(&world);
        for handle in world.handles() {
            drop(world.ugent(&["remove", &handle, "--yes"]).run().succeeded());
        }
        std::fs::write(&path, &text).unwrap();
    };
    reset();
    let whole = undisturbed(import());
    let mut kills = 0;
    for turn in 0..turns().min(20) {
        reset();
        let succeeded = killed(&world, import(), turn, whole);
        let there = world.handles().len();
        assert!(there == 20 || (there == 0 && !succeeded), "{there} of 20");
        let now = std::fs::read_to_string(&path).unwrap();
        let is_rewritten = now.lines().filter(|line| line.contains("=@number")).count() == 20;
        assert!(now == text || (is_rewritten && there == 20), "the file is the old or the new one");
        kills += u32::from(!succeeded);
    }
    eprintln!("{kills} imports were killed");
    assert!(kills > 0, "the moments are badly chosen");
    reset();
    drop(import().run().succeeded());
    let vault = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap().count();
    assert_eq!(vault, 21, "a header, one sealed file a secret, and no orphans");
}
