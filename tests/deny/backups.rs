//! Backups that are no good, homes that are not empty, and descriptors that nobody asked for.

use std::fs::{self, File};
use std::io::{IoSlice, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::FailureClass;
use proto::frame::encode;
use proto::hello::{Hello, LaneKind};
use tests::world::{HANDLE, Outcome, World, passphrase};
use unix::lane::{Descriptors, Lane};

use super::hazmat::both_of;

fn backed_up(world: &World, own: &str) -> Vec<u8> {
    let path = world.home().around().join("vault.backup");
    let call = world.ugent(&["backup", path.to_str().unwrap(), "--backup-passphrase-fd", "0"]);
    drop(call.typing(own).run().succeeded());
    fs::read(path).unwrap()
}

fn restored(world: &World, file: &Path, own: &str) -> Outcome {
    let call = world.ugent(&["restore", file.to_str().unwrap(), "--backup-passphrase-fd", "0"]);
    call.typing(own).run()
}

#[test]
fn a_backup_that_was_changed_cut_or_is_another_file_restores_nothing() {
    let own = passphrase();
    let whole = backed_up(&World::ready(), &own);
    let world = World::bare();
    let before = world.home().snapshot();
    let path = world.home().around().join("tried");
    let try_with = |bytes: &[u8], own: &str, code: i32| {
        fs::write(&path, bytes).unwrap();
        restored(&world, &path, own).refused(code, &["backup"]);
        assert!(world.home().snapshot() == before, "nothing was written");
    };
    // Header, key check, checksum; prefix, nonce, text and tag of the first piece; the last byte.
    for at in [0, 9, 13, 30, 50, 90, 104, 108, 109, 120, 140, 160, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let code = if at == 9 { 78 } else { 65 };
        try_with(&changed, &own, code);
    }
    for length in [0, 1, 50, 104, 110, whole.len() / 2, whole.len() - 1] {
        try_with(&whole[..length], &own, 65);
    }
    try_with(&[whole.as_slice(), b"\n"].concat(), &own, 65);
    try_with(b"-----BEGIN SOMETHING ELSE-----\n", &own, 65);
    try_with(&whole, "not its passphrase", 77);
    fs::write(&path, &whole).unwrap();
    drop(restored(&world, &path, &own).succeeded());
    assert_eq!(world.handles(), [HANDLE]);
}

#[test]
fn a_home_that_is_set_up_is_left_as_it_is() {
    let (world, own) = (World::ready(), passphrase());
    let path = world.home().around().join("tried");
    fs::write(&path, backed_up(&world, &own)).unwrap();
    let before = world.home().deposits();
    restored(&world, &path, &own).refused(78, &["is there already"]);
    let broker = world.broker();
    restored(&world, &path, &own).refused(78, &["is there already"]);
    let _ = broker.stop().succeeded();
    let mut after = world.home().deposits();
    after.retain(|path, _| before.contains_key(path));
    assert!(after == before);
}

#[test]
fn what_is_no_file_is_not_read() {
    let world = World::bare();
    let pipe = world.home().around().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    restored(&world, &pipe, "own").refused(65, &["is no file"]);
    restored(&world, world.home().around(), "own").refused(65, &["is no file"]);
    restored(&world, &world.home().around().join("missing"), "own").refused(74, &["missing"]);
    assert!(!world.home().path().join("secrets").exists());
}

fn connected(world: &World) -> UnixStream {
    let socket = UnixStream::connect(world.home().keeper_socket()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// Whether the peer hangs up on that, sent with so many descriptors.
fn hangs_up(world: &World, bytes: &[u8], descriptors: usize) -> bool {
    let mut socket = connected(world);
    let files: Vec<File> = (0..descriptors).map(|_| File::open("/dev/null").unwrap()).collect();
    let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let sent = sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &rights, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
    let mut heard = [0; 4096];
    loop {
        match socket.read(&mut heard) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn descriptors_that_no_request_announces_cut_a_peer_off() {
    let world = World::ready();
    let broker = world.broker();
    let keeper = broker.child("keeperd");
    let hello = encode(&Hello::ours(LaneKind::Cli), 0).unwrap();
    let list = encode(&CliRequest::List { after: None }, 0).unwrap();
    let backup = [encode(&CliRequest::Backup, 3).unwrap(), b"a\0b".to_vec()].concat();
    for (what, request, descriptors) in
        [("one too many", &backup, 2), ("one for a list", &list, 1), ("two hundred", &backup, 200)]
    {
        assert!(hangs_up(&world, &[hello.clone(), request.clone()].concat(), descriptors), "{what}");
    }
    assert!(keeper.lives());
    assert_eq!(world.handles(), [HANDLE]);
    let _ = broker.stop().succeeded();
}

#[test]
fn a_descriptor_that_is_no_empty_file_gets_no_backup() {
    let world = World::ready();
    let broker = world.broker();
    let precious = world.home().around().join("precious");
    fs::write(&precious, "precious").unwrap();
    let (pipe, _writer) = nix::unistd::pipe().unwrap();
    let socket = OwnedFd::from(UnixStream::pair().unwrap().0);
    let file = OwnedFd::from(File::options().read(true).write(true).open(&precious).unwrap());
    for (what, fd) in [("a pipe", pipe), ("a socket", socket), ("a file with something in it", file)] {
        let mut lane = Lane::new(connected(&world), Descriptors::Accepted).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        lane.greet(LaneKind::Cli, deadline).unwrap();
        let both = both_of(world.passphrase(), "own");
        lane.send(&CliRequest::Backup, Some(both), vec![fd], deadline).unwrap();
        let CliAnswer::Failed(failure) = lane.wait_for::<CliAnswer>(deadline).unwrap().message else {
            panic!("{what} is no place for a backup")
        };
        assert_eq!(failure.class, FailureClass::BadInput, "{what}: {failure:?}");
    }
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert!(world.events("vault.backup_begun").is_empty());
    let _ = broker.stop().succeeded();
}
