//! INV-09 at the socket of the cli lane: a peer that breaks the protocol is cut off, and one that
//! stalls holds nobody up.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proto::cli_lane::CliRequest;
use proto::frame::{HEAD_MAX, VALUE_MAX, encode};
use proto::hello::{Hello, LaneKind};
use tests::world::census::Process;
use tests::world::{Broker, HANDLE, World};

fn connect(world: &World) -> UnixStream {
    let socket = UnixStream::connect(world.home().keeper_socket()).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn hello() -> Vec<u8> {
    encode(&Hello::ours(LaneKind::Cli), 0).unwrap()
}

/// Whether the peer hangs up, whatever it says before.
fn hangs_up(socket: &mut UnixStream) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

fn goes_on(world: &World, broker: &Broker<'_>, keeper: &Process) {
    assert!(keeper.lives(), "keeperd goes on");
    assert_eq!(world.handles(), [HANDLE]);
    assert_eq!(broker.status_of("/readyz"), Some(200));
}

#[test]
fn a_peer_that_breaks_the_protocol_is_cut_off() {
    let world = World::ready();
    let broker = world.broker();
    let keeper = broker.child("keeperd");
    let list = encode(&CliRequest::List { after: None }, 0).unwrap();
    let prefix = |head: usize, value: usize| {
        let length = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        [length(head), length(value)].concat()
    };
    let breaches: Vec<(&str, Vec<u8>)> = vec![
        ("garbage", vec![0xAA; 64]),
        ("HTTP", b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
        ("no Hello first", list.clone()),
        ("a Hello of another lane", encode(&Hello::ours(LaneKind::Lease), 0).unwrap()),
        ("a Hello of another version", encode(&Hello { version: 99, lane: LaneKind::Cli }, 0).unwrap()),
        ("a head of no length", [hello(), prefix(0, 0)].concat()),
        ("a head that is too long", [hello(), prefix(HEAD_MAX + 1, 0)].concat()),
        ("a value that is too long", [hello(), prefix(1, VALUE_MAX + 1)].concat()),
        ("an unknown message", [hello(), prefix(1, 0), vec![0x7F]].concat()),
        ("bytes left over", [hello(), prefix(list.len() - 8 + 1, 0), list[8..].to_vec(), vec![0]].concat()),
        (
            "a value where none may be",
            [hello(), prefix(list.len() - 8, 3), list[8..].to_vec(), vec![1; 3]].concat(),
        ),
        ("no value where one must be", {
            let rekey = encode(&CliRequest::Rekey, 1).unwrap();
            [hello(), prefix(rekey.len() - 8, 0), rekey[8..].to_vec()].concat()
        }),
    ];
    for (what, bytes) in breaches {
        let mut socket = connect(&world);
        socket.write_all(&bytes).unwrap();
        assert!(hangs_up(&mut socket), "{what} is a reason to hang up");
        goes_on(&world, &broker, &keeper);
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn peers_that_stall_hold_nobody_up() {
    let world = World::ready();
    let broker = world.broker();
    let keeper = broker.child("keeperd");
    let silent: Vec<_> = (0..40).map(|_| connect(&world)).collect();
    let mut half = connect(&world);
    half.write_all(&hello()).unwrap();
    half.write_all(&[9, 0, 0]).unwrap();
    goes_on(&world, &broker, &keeper);
    drop((silent, half));
    let _ = broker.stop().succeeded();
}

#[test]
fn a_peer_that_asks_and_never_reads_is_bounded() {
    let world = World::ready();
    let broker = world.broker();
    let keeper = broker.child("keeperd");
    let mut socket = connect(&world);
    socket.write_all(&hello()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let ask = encode(&CliRequest::Status, 0).unwrap().repeat(1000);
    let resident = |process: &Process| -> u64 {
        let status = String::from_utf8(process.proc_file("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = resident(&keeper);
    let mut sent = 0;
    for _ in 0..2000 {
        match socket.write(&ask) {
            Ok(bytes) => sent += bytes,
            Err(_) => drop(tests::world::until::seen(Duration::from_millis(2), || None::<()>)),
        }
    }
    assert!(sent > 0);
    goes_on(&world, &broker, &keeper);
    let grown = resident(&keeper).saturating_sub(before);
    assert!(grown < 16 * 1024, "keeperd has grown by {grown} KiB for a peer that does not read");
    drop(socket);
    let _ = broker.stop().succeeded();
}

#[test]
fn clients_of_the_gateway_that_stall_hold_nobody_up() {
    let world = World::ready();
    let broker = world.broker();
    let stalled: Vec<_> = (0..200)
        .map(|_| {
            let mut http = world.tcp();
            http.send(b"POST /proxy/openai/v1/chat/completions HTTP/1.1\r\nhost: loc").unwrap();
            http
        })
        .collect();
    assert_eq!(world.ask(&tests::world::http::Ask::chat()).status, 200);
    drop(stalled);
    let _ = broker.stop().succeeded();
}
