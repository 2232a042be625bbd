//! A full disk: a clear error, nothing half-written, no value without a record, and everything
//! works again when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tests::world::http::Ask;
use tests::world::{HANDLE, Layout, World, key};

/// A directory on a small file system of its own. Unmounted when dropped.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Puts a tmpfs in the place of `secrets/`; `None` where the user may not mount.
    fn under(world: &World, mib: u32) -> Option<Self> {
        Self::at(world, world.home().path().join("secrets"), mib)
    }

    /// Puts a tmpfs in the place of that directory; `None` where the user may not mount.
    fn at(world: &World, path: PathBuf, mib: u32) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let options = format!("size={mib}m,mode=0700");
        let mounted = mount(Some("none"), &path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()));
        if mounted.is_err() {
            assert!(!nix::unistd::geteuid().is_root(), "root can mount: {mounted:?}");
            return None;
        }
        if world.layout() == Layout::System {
            let (user, group) = tests::world::layout::user("ugent-keeper");
            chown(&path, Some(user.as_raw()), Some(group.as_raw())).unwrap();
        }
        Some(Self { path })
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}

fn free(filler: &Path) {
    fs::remove_file(filler).unwrap();
}

#[test]
fn a_deposit_on_a_full_disk_is_an_io_error_and_changes_nothing() {
    let world = World::bare();
    let Some(disk) = SmallDisk::under(&world, 8) else { return };
    let world = world.initialized().granted();
    let list = world.json(&["list", "--json"]);
    let filler = disk.fill();
    let before = world.home().deposits();
    for arguments in [&["add", "@new", "--stdin"][..], &["rotate", HANDLE, "--stdin"]] {
        let told = world.ugent(arguments).typing(key()).run();
        assert_eq!(told.code, Some(74), "{arguments:?}: {}", told.stderr);
        assert!(told.stderr.contains("error: ") && told.stderr.contains("hint: "), "{}", told.stderr);
    }
    let after = world.home().deposits();
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "nothing half-written is left"
    );
    free(&filler);
    assert_eq!(world.json(&["list", "--json"]), list);
    world.rotate(HANDLE, &key());
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    drop(disk);
}

#[test]
fn a_request_that_cannot_be_recorded_gets_no_value() {
    let world = World::bare();
    let Some(disk) = SmallDisk::under(&world, 8) else { return };
    let world = world.initialized().granted();
    let broker = world.broker();
    // There will be no room for one later.
    let _ = world.token();
    let broken = || world.json(&["broker", "status", "--json"])["journal_broken"].clone();
    assert!(broken().is_null());
    let filler = disk.fill();
    // What is preallocated to the journal is used up first; near the end a short record may still
    // fit where a longer one did not.
    let mut refused_in_a_row = 0;
    for _ in 0..20_000 {
        let answer = world.ask(&Ask::chat());
        if answer.status == 200 {
            refused_in_a_row = 0;
            continue;
        }
        assert_eq!((answer.status, answer.refusal()), (503, Some("journal_unavailable")));
        refused_in_a_row += 1;
        if refused_in_a_row == 20 {
            break;
        }
    }
    assert_eq!(refused_in_a_row, 20, "a full disk ends it");
    assert!(broken().as_str().is_some_and(|why| why.contains("space")), "{}", broken());
    free(&filler);
    tests::world::until::until_true("it serves again when there is room", || {
        world.ask(&Ask::chat()).status == 200
    });
    assert!(broken().is_null(), "{}", broken());
    let _ = broker.stop().succeeded();
    let (reached, used) = (world.standin().log().all().len(), world.events("lease.used").len());
    assert_eq!(reached, used, "INV-04: no record, no value");
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    drop(disk);
}

/// Asks until nothing can be recorded any more, not even something short.
fn use_up(world: &World) {
    let mut refused_in_a_row = 0;
    for _ in 0..20_000 {
        let is_refused = world.ask(&Ask::chat()).refusal() == Some("journal_unavailable");
        refused_in_a_row = if is_refused { refused_in_a_row + 1 } else { 0 };
        if refused_in_a_row == 20 {
            return;
        }
    }
    panic!("a full disk ends nothing");
}

fn leases(world: &World, event: &str) -> Vec<String> {
    let records = world.events(event);
    records.iter().map(|record| record["lease"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_ends_while_the_disk_is_full_is_recorded_when_there_is_room() {
    let world = World::bare();
    let Some(disk) = SmallDisk::under(&world, 8) else { return };
    let world = world.initialized().granted();
    world
        .home()
        .write("secrets.grants.toml", &World::grant_of("openai_api_key", "ugent-core", "localhost", 3));
    let broker = world.broker();
    let _ = world.token();
    let filler = disk.fill();
    use_up(&world);
    tests::world::until::until_true("the last lease has ended", || {
        world.json(&["lease", "list", "--json"]).as_array().is_some_and(Vec::is_empty)
    });
    let (issued, ended) = (leases(&world, "lease.issued"), leases(&world, "lease.ended"));
    assert!(issued.iter().any(|lease| !ended.contains(lease)), "its end is not recorded: there is no room");
    free(&filler);
    tests::world::until::until_true("it serves again", || world.ask(&Ask::chat()).status == 200);
    let _ = broker.stop().succeeded();
    let (issued, ended) = (leases(&world, "lease.issued"), leases(&world, "lease.ended"));
    assert!(issued.iter().all(|lease| ended.contains(lease)), "each lease has its end: {issued:?} {ended:?}");
    assert_eq!(world.events("release.closed").len(), world.events("lease.used").len(), "and each request");
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    drop(disk);
}

#[test]
fn init_on_a_full_disk_is_an_io_error_and_can_be_repeated() {
    let world = World::bare();
    let Some(disk) = SmallDisk::under(&world, 8) else { return };
    let filler = disk.fill();
    let told = world.ugent(&["init"]).run();
    assert_eq!(told.code, Some(74), "{}", told.stderr);
    free(&filler);
    let world = world.initialized().granted();
    assert_eq!(world.handles(), [HANDLE]);
    drop(disk);
}

#[test]
fn a_token_that_cannot_be_written_leaves_no_file_and_lets_nobody_in() {
    let world = World::with_vault();
    let Some(disk) = SmallDisk::at(&world, world.home().workspace().join("full"), 1) else { return };
    let tokens = world.json(&["token", "list", "--json"]);
    let filler = disk.fill();
    let issue = ["token", "issue", "--consumer", "ci", "--out", "full/token.txt"];
    world.ugent(&issue).run().refused(74, &["full/token.txt", "revoked"]);
    assert!(!disk.path.join("token.txt").exists(), "nothing half-written is left");
    assert_eq!(world.json(&["token", "list", "--json"]), tokens);
    assert_eq!(world.events("token.revoked").len(), 1);
    free(&filler);
    drop(world.ugent(&issue).run().succeeded());
    assert_eq!(fs::read(disk.path.join("token.txt")).unwrap().len(), 50);
    drop(disk);
}
