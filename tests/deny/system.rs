//! What a broker of the machine refuses before it, or root on its behalf, does anything. Takes root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use tests::world::layout::user;
use tests::world::{Layout, World};

fn world() -> Option<World> {
    if nix::unistd::geteuid().is_root() {
        return Some(World::bare_of(Layout::System));
    }
    println!("not tried: it takes root");
    None
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn a_home_others_could_put_elsewhere_is_refused_before_anything_is_given_away() {
    let Some(world) = world() else { return };
    let (stranger, _) = user("ugent-egress");
    let open = world.home().around().join("open");
    fs::create_dir(&open).unwrap();
    chown(&open, Some(stranger.as_raw()), None).unwrap();
    let told = world.ugent(&["init"]).env("UGENT_HOME", open.join("new").to_str().unwrap()).run();
    told.refused(78, &["open", "another user"]);
    assert!(!open.join("new").exists(), "nothing was made there");
    // The same of the sockets.
    let run = open.join("run");
    world.launcher().env("UGENT_RUN", run.to_str().unwrap()).run().refused(78, &["run", "another user"]);
    assert!(!run.exists());
}

#[test]
fn the_umask_changes_nothing_of_what_is_made() {
    let Some(world) = world() else { return };
    let home = world.home().around().join("made");
    let call = |arguments: &[&str]| world.ugent(arguments).env("UGENT_HOME", home.to_str().unwrap());
    drop(call(&["init"]).with_umask(0o077).run().succeeded());
    let (keeper, group) = user("ugent-keeper");
    assert_eq!((mode(&home), home.metadata().unwrap().gid()), (0o750, group.as_raw()));
    assert_eq!(
        (mode(&home.join("secrets")), home.join("secrets").metadata().unwrap().uid()),
        (0o700, keeper.as_raw())
    );
    let started = call(&["broker", "start", "--listen", &format!("127.0.0.1:{}", world.port())]);
    drop(started.with_umask(0o077).run().succeeded());
    let run = world.home().run();
    assert_eq!(
        (mode(&run), mode(&run.join("gateway.sock")), mode(&run.join("keeperd.sock"))),
        (0o755, 0o660, 0o660)
    );
    drop(call(&["broker", "stop"]).run().succeeded());
}

#[test]
fn a_home_that_keeps_the_keeper_out_is_refused_with_what_mends_it() {
    let Some(world) = world() else { return };
    world.home().chmod(".", 0o700);
    let told = world.ugent(&["init"]).run();
    assert!(told.stderr.contains("chmod 750"), "{}", told.stderr);
    told.refused(78, &["keeps ugent-keeper out"]);
}

/// The sockets are the machine's: a second broker, whatever its home, must not take them over, and a
/// command for one vault must not end in another.
#[test]
fn a_second_home_neither_takes_the_sockets_nor_has_its_commands_answered_by_the_first() {
    let Some(world) = world() else { return };
    let world = world.initialized().granted();
    let other = world.home().around().join("other");
    let _broker = world.broker();
    let call = |arguments: &[&str]| world.ugent(arguments).env("UGENT_HOME", other.to_str().unwrap());
    call(&["init"]).run().refused(78, &["serves", "home"]);
    assert!(!other.join("secrets/metadata.redb").exists());
    call(&["add", "@mine", "--stdin"]).typing("0123456789abcdef0123").run().refused(78, &["other"]);
    assert!(!world.handles().contains(&"@mine".to_owned()), "it did not go into the other vault");
    fs::create_dir_all(other.join("secrets")).unwrap();
    let (keeper, group) = user("ugent-keeper");
    for (path, mode, owner) in [(other.clone(), 0o750, 0), (other.join("secrets"), 0o700, keeper.as_raw())] {
        chown(&path, Some(owner), Some(group.as_raw())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let second = world.launcher().env("UGENT_HOME", other.to_str().unwrap()).run();
    second.refused(75, &["a broker of the machine with another home"]);
    assert!(world.home().gateway_socket().exists(), "the first keeps its sockets");
}

#[test]
fn a_launcher_without_the_capabilities_it_needs_says_which() {
    let Some(world) = world() else { return };
    let world = world.initialized();
    let told = world.launcher().without_capability("setuid").run();
    assert!(told.stderr.contains("CAP_SETUID"), "{}", told.stderr);
    told.refused(78, &["capability"]);
}
