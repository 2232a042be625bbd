//! What a service manager tells a broker, and is told by it, without one: sd_notify(3) and
//! sd_listen_fds(3).

use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::world::until::until_true;
use tests::world::{Binaries, World};

#[test]
fn the_manager_is_told_of_readiness_and_of_the_end_by_a_confined_launcher() {
    let world = World::ready();
    let place = world.home().around().join("notify.sock");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let next = || {
        let mut word = [0; 256];
        let length = manager.recv(&mut word).expect("a word in time");
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    let launcher = world.launcher().env("NOTIFY_SOCKET", place.to_str().unwrap()).start();
    assert_eq!(next(), "READY=1");
    let status = std::fs::read_to_string(format!("/proc/{}/status", launcher.pid())).unwrap();
    assert!(status.contains("Seccomp:\t2"), "it says so under its filter");
    launcher.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(next(), "STOPPING=1");
    let mut launcher = launcher;
    drop(launcher.outcome().succeeded());
}

/// Starts the launcher with that socket passed on, as systemd does at the first connection; gives its
/// code and its words.
fn activated(world: &World, socket: &str, connect: impl Fn() -> bool) -> (Option<i32>, String) {
    let mut manager = Command::new("systemd-socket-activate");
    manager
        .args(["-E", "UGENT_HOME", "-E", "UGENT_RUN", "-l", socket])
        .arg(Binaries::of_this_build().path("secret-broker"))
        .args(world.layout().arguments())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("UGENT_HOME", world.home().path())
        .env("UGENT_RUN", world.home().run())
        .current_dir(world.home().workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let running = manager.spawn().expect("tests/run installs systemd");
    until_true("the socket can be connected to", connect);
    let output = running.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_socket_that_others_could_connect_to_is_refused() {
    let world = World::ready();
    let path = world.home().around().join("passed.sock");
    let by_port = || TcpStream::connect(("127.0.0.1", world.port())).is_ok();
    let by_path = || UnixStream::connect(&path).is_ok();
    let told = [
        (
            activated(&world, &format!("0.0.0.0:{}", world.port()), by_port),
            "where others than this machine could connect",
        ),
        (activated(&world, path.to_str().unwrap(), by_path), "a socket that is not TCP"),
    ];
    for ((code, said), why) in told {
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(why) && said.contains("ListenStream=127.0.0.1:18443"), "{said}");
    }
}
