//! Homes that are not safe to use, places that are taken: refused, untouched, with the mend named.

use std::os::unix::fs::symlink;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tests::world::{HANDLE, World};

const TRIES: [&[&str]; 4] = [&["init"], &["list"], &["add", "@new", "--stdin"], &["broker", "start"]];

/// Every way in is refused with 78 and a word for what is wrong, and no file changes.
fn every_way_in_is_refused(world: &World, names: &[&str]) {
    let before = world.home().snapshot();
    for arguments in TRIES {
        world.ugent(arguments).typing("0123456789").run().refused(78, names);
    }
    world.launcher().run().refused(78, names);
    assert!(world.home().snapshot() == before, "nothing was changed");
}

#[test]
fn a_home_that_others_may_write_is_refused() {
    for mode in [0o770, 0o707, 0o777] {
        let world = World::ready();
        world.home().chmod(".", mode);
        every_way_in_is_refused(&world, &[world.home().path().to_str().unwrap()]);
    }
}

#[test]
fn a_home_that_others_may_only_read_is_fine() {
    let world = World::ready();
    world.home().chmod(".", 0o755);
    assert_eq!(world.handles(), [HANDLE]);
    let broker = world.broker();
    let _ = broker.stop().succeeded();
}

#[test]
fn a_secrets_directory_that_others_may_read_is_refused() {
    for mode in [0o750, 0o705, 0o710] {
        let world = World::ready();
        world.home().chmod("secrets", mode);
        every_way_in_is_refused(&world, &["secrets"]);
    }
}

#[test]
fn somebody_elses_secrets_directory_is_refused() {
    let world = World::ready();
    let path = world.home().path().join("secrets");
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        assert!(!nix::unistd::geteuid().is_root(), "root can give directories away");
        return;
    }
    every_way_in_is_refused(&world, &["secrets"]);
}

#[test]
fn a_link_where_a_directory_should_be_is_refused() {
    for name in ["secrets", "secrets/vault", "secrets/audit"] {
        let world = World::ready();
        let path = world.home().path().join(name);
        let elsewhere = world.home().around().join("elsewhere");
        std::fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let before = world.home().snapshot();
        let told = world.ugent(&["add", "@new", "--stdin"]).typing("0123456789").run();
        told.refused(78, &[name]);
        assert!(world.home().snapshot() == before, "nothing was changed below {name}");
    }
}

#[test]
fn a_home_that_does_not_exist_says_to_init() {
    let world = World::bare();
    let nowhere = world.home().around().join("nowhere");
    let call = world.ugent(&["list"]).env("UGENT_HOME", nowhere.to_str().unwrap());
    let told = call.run().ended_with(78);
    assert!(told.stderr.contains(&world.command_line("init")), "{}", told.stderr);
    assert!(!nowhere.exists());
}

#[test]
fn a_home_on_a_read_only_file_system_is_an_io_error() {
    let world = World::bare();
    let home = world.home().path();
    let none = None::<&str>;
    let bind = mount(Some(&home), &home, none, MsFlags::MS_BIND, none);
    if bind.is_err() {
        assert!(!nix::unistd::geteuid().is_root(), "root can mount: {bind:?}");
        return;
    }
    let mounted = Mounted(home.clone());
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(Some(&home), &home, none, flags, none).unwrap();
    let told = world.ugent(&["init"]).run();
    drop(mounted);
    told.refused(74, &[home.to_str().unwrap()]);
    assert!(!home.join("secrets").exists());
}

/// Unmounts when dropped.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_port_that_is_in_use_is_named_with_the_option_that_chooses_another() {
    let world = World::ready();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", world.port())).unwrap();
    let address = format!("127.0.0.1:{}", world.port());
    let told = world.launcher().run();
    assert!(told.stderr.contains("--listen"), "{}", told.stderr);
    told.refused(75, &[&address]);
    world.ugent(&["broker", "start"]).run().refused(75, &[&address]);
    assert_eq!(world.handles(), [HANDLE]);
}

#[test]
fn a_second_broker_is_refused_and_told_who_is_the_first() {
    let world = World::ready();
    let broker = world.broker();
    let pid = broker.launcher().pid().to_string();
    world.launcher().run().refused(75, &[&pid]);
    assert_eq!(broker.status_of("/readyz"), Some(200), "the first goes on");
    let _ = broker.stop().succeeded();
}

#[test]
fn an_address_that_is_not_loopback_is_refused() {
    let world = World::ready();
    for address in ["0.0.0.0:18443", "192.0.2.1:80", "nonsense"] {
        let told = world.ugent(&["broker", "start", "--listen", address]).run();
        assert_eq!(told.code, Some(64), "{address}: {}", told.stderr);
    }
}

#[test]
fn malformed_settings_are_refused_with_their_place() {
    for (text, word) in [
        ("colour = 1\n", "colour"),
        ("kdf = { memory_kib = 1, passes = 1 }\n", "kdf"),
        ("listen = \"0.0.0.0:1\"\n", "listen"),
        ("backend = [\n", "secrets.toml"),
    ] {
        let world = World::ready();
        world.home().write("secrets.toml", text);
        let told = world.launcher().run();
        assert_eq!(told.code, Some(78), "{text}: {}", told.stderr);
        assert!(told.stderr.contains(word) && told.stderr.contains("secrets.toml"), "{}", told.stderr);
    }
}

#[test]
fn a_socket_path_that_is_too_long_is_said_to_be() {
    let world = World::bare_of_one_user();
    let deep = world.home().around().join("d".repeat(90));
    std::fs::create_dir(&deep).unwrap();
    let path = deep.to_str().unwrap();
    std::fs::copy(world.home().path().join("secrets.toml"), deep.join("secrets.toml")).unwrap();
    drop(world.ugent(&["init"]).env("UGENT_HOME", path).run().succeeded());
    let told = world.launcher().env("UGENT_HOME", path).run();
    assert!(told.stderr.contains("107"), "{}", told.stderr);
    assert_eq!(told.code, Some(78), "{}", told.stderr);
}

#[test]
fn a_file_is_no_workspace() {
    let world = World::ready();
    let file = world.home().path().join("secrets.toml");
    let told = world.ugent(&["broker", "start", "--workspace", file.to_str().unwrap()]).run();
    told.refused(65, &[file.to_str().unwrap()]);
}

#[test]
fn init_warns_of_a_home_that_is_too_long_for_sockets() {
    let world = World::bare_of_one_user();
    let long = world.home().around().join("x".repeat(80));
    let told = world.ugent(&["init"]).env("UGENT_HOME", long.to_str().unwrap()).run().succeeded();
    assert!(told.stderr.contains("warning: ") && told.stderr.contains("107"), "{}", told.stderr);
    let told = world.ugent(&["broker", "start"]).env("UGENT_HOME", long.to_str().unwrap()).run();
    told.refused(78, &["107"]);
}
