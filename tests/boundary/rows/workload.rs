//! What a broker does in its life, and commands without one, as much of it as there is.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use tests::standin::StandIn;
use tests::world::http::{Ask, Http};
use tests::world::until::until_true;
use tests::world::{Binaries, Broker, Desktop, HANDLE, Layout, World};

use super::strace::{Traced, Under};

pub(super) fn run(traced: &Traced, under: Under) {
    let of = |layout| World::with(Binaries::in_dir(traced.dir().to_owned()), layout);
    let world = || of(Layout::OneUser);
    match under {
        Under::AsIs => {
            commands(&world());
            life(traced, &world().initialized().granted());
            deaths(&world().initialized().granted());
            keychain(world());
            exports(&world().initialized().granted());
        }
        Under::NoPrivilege | Under::NoSecretMemory => in_short(&world().initialized().granted()),
        Under::ThreeUsers => in_short(&of(Layout::System).initialized().granted()),
    }
}

/// Each with a keeper of its own.
fn commands(world: &World) {
    let said = |arguments: &[&str]| drop(world.ugent(arguments).run().succeeded());
    said(&["init"]);
    said(&["init"]);
    world.add(HANDLE, world.key());
    drop(world.ugent(&["add", "@large", "--stdin"]).typing(vec![b'v'; 64 * 1024]).run().succeeded());
    world.rotate(HANDLE, world.key());
    said(&["inspect", HANDLE]);
    said(&["remove", "@large", "--yes"]);
    said(&["audit"]);
    said(&["audit", "--verify"]);
    whole_vaults(world);
    // What a crash in the middle of a deposit leaves.
    fs::write(world.home().path().join("secrets/vault/orphan.sealed"), "").unwrap();
    world.add("@after", world.key());
    let wrong = world.ugent(&["add", "@x", "--stdin"]).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
    wrong.typing("0123456789").run().refused(77, &[]);
}

/// Out of the vault and into another, and in from a file.
fn whole_vaults(world: &World) {
    fs::write(world.home().workspace().join(".env"), "A_KEY=0123456789abcdef\n").unwrap();
    drop(world.ugent(&["import", "--env-file", ".env", "--yes", "--rewrite"]).run().succeeded());
    let path = world.home().around().join("vault.backup");
    let path = path.to_str().unwrap();
    let own = ["--backup-passphrase-fd", "0"];
    drop(world.ugent(&[&["backup", path], &own[..]].concat()).typing("own").run().succeeded());
    let elsewhere = world.home().around().join("another");
    let restore = world.ugent(&[&["restore", path], &own[..]].concat());
    drop(restore.env("UGENT_HOME", elsewhere.to_str().unwrap()).typing("own").run().succeeded());
}

/// From a locked start to a stop that waits for a stream.
fn life(traced: &Traced, world: &World) {
    fs::remove_file(world.home().path().join("secrets/broker.token")).unwrap();
    let broker = world.locked_broker();
    assert_eq!(world.ask(&Ask::chat()).refusal(), Some("vault_locked"));
    // A keeper that was never unlocked makes no head.
    let head = world.home().path().join("secrets/audit/head");
    fs::rename(&head, head.with_extension("away")).unwrap();
    drop(world.ugent(&["audit", "--verify"]).run().ended_with(65));
    fs::rename(head.with_extension("away"), &head).unwrap();
    drop(world.ugent(&["unlock"]).run().succeeded());
    broker.wait_for_status("/readyz", 200);
    serves(world);
    stopped_and_continued(traced, &broker);
    serves(world);
    replaced(world, &broker);
    providers_and_grants(world);
    world.add("@another", world.key());
    world.rotate(HANDLE, world.key());
    assert_eq!(world.handles().len(), 2);
    let _ = world.json(&["broker", "status", "--json"]);
    let _ = world.audit(&[]);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
    drop(world.ugent(&["lock"]).run().succeeded());
    drop(world.ugent(&["unlock"]).run().succeeded());
    broker.wait_for_status("/readyz", 200);
    let mut held = held_stream(world, "end");
    broker.signal(Signal::SIGTERM);
    until_true("the broker takes no more", || Http::tcp(world.port()).is_err());
    world.standin().open_gate("end");
    while held.event().unwrap().is_some() {}
    let _ = broker.ended().succeeded();
}

/// To a file and to a socket, and on from where the process before was.
fn exports(world: &World) {
    let (file, log) = (world.home().workspace().join("audit.jsonl"), world.home().workspace().join("log"));
    let sinks = format!("\"file:{}\", \"syslog:{}\"", file.display(), log.display());
    world.home().write("secrets.toml", &format!("{}audit = {{ sinks = [{sinks}] }}\n", world.settings()));
    let syslog = UnixDatagram::bind(&log).unwrap();
    let broker = world.broker();
    for _ in 0..2 {
        serves(world);
        until_true("the file has it", || {
            fs::read_to_string(&file).is_ok_and(|text| text.contains("lease.used"))
        });
        assert!(syslog.recv(&mut [0; 64]).is_ok());
        let exports: Vec<_> = broker.children().into_iter().filter(|child| child.name == "ugent").collect();
        assert_eq!(exports.len(), 2);
        for export in &exports {
            kill(export.pid, Signal::SIGKILL).unwrap();
        }
        until_true("others take their place", || {
            let now = broker.children().into_iter().filter(|child| child.name == "ugent");
            now.filter(|child| exports.iter().all(|before| before.pid != child.pid)).count() == 2
        });
        fs::remove_file(&file).unwrap();
        until_true("a new file is begun", || file.exists());
    }
    let _ = broker.stop().succeeded();
}

fn in_short(world: &World) {
    let broker = world.broker();
    serves(world);
    replaced(world, &broker);
    let _ = broker.stop().succeeded();
}

/// A vault in a keychain, whose helper the launcher starts.
fn keychain(world: World) {
    let desktop = Desktop::unlocked();
    let world = world.on_bus(&desktop.address());
    // It gives a keychain two seconds, which a traced one may need more of.
    until_true("init takes the keychain", || world.ugent(&["init"]).run().code == Some(0));
    let world = world.granted();
    let broker = world.broker();
    until_true("it serves", || status(&world) == Some(200));
    let _ = broker.stop().succeeded();
}

/// Daemons that do not end when they are told to.
fn deaths(world: &World) {
    let broker = world.broker();
    kill(broker.child("egressd").pid, Signal::SIGSTOP).unwrap();
    for _ in 0..3 {
        broker.signal(Signal::SIGTERM);
        until_true("the launcher has heard it", || {
            let pending = broker.launcher().pid();
            let status = fs::read_to_string(format!("/proc/{pending}/status")).unwrap_or_default();
            !status.lines().any(|line| line.starts_with("ShdPnd:") && !line.ends_with("0000000000000000"))
        });
    }
    let _ = broker.ended();
}

fn serves(world: &World) {
    until_true("it serves", || status(world) == Some(200));
    assert_eq!(world.ask(&Ask::streamed_chat()).status, 200);
    assert_eq!(world.unix().ask(&Ask::chat()).unwrap().status, 200);
    assert_eq!(world.tcp().ask(&Ask::chat()).unwrap().status, 401);
    let _ = world.ask(&Ask::get("/metrics"));
    let large = Ask::chat().body(vec![b' '; 1 << 20]);
    let _ = world.ask(&large);
    for script in ["flood pieces=40", "echo", "status=500"] {
        let _ = world.ask(&Ask::streamed_chat().script(script));
    }
    for script in ["reset", "drop"] {
        let _ = world.tcp().ask(&Ask::streamed_chat().script(script).bearer(&world.token()));
    }
    drop(held_stream(world, "never"));
}

fn held_stream(world: &World, gate: &str) -> Http {
    let mut http = world.tcp();
    let script = format!("hold gate={gate}");
    http.send(&Ask::streamed_chat().script(&script).bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    http
}

/// The status of a request; none if an egressd that ends has cut it off.
fn status(world: &World) -> Option<u16> {
    let answer = Http::tcp(world.port()).and_then(|mut http| http.ask(&Ask::chat().bearer(&world.token())));
    answer.ok().map(|answer| answer.status)
}

fn replaced(world: &World, broker: &Broker<'_>) {
    kill(broker.child("egressd").pid, Signal::SIGKILL).unwrap();
    until_true("another egressd serves", || status(world) == Some(200));
}

/// The kernel goes on with what it was waiting for by a call of its own.
fn stopped_and_continued(traced: &Traced, broker: &Broker<'_>) {
    let mut pids = vec![broker.launcher().pid()];
    pids.extend(broker.children().iter().map(|child| child.pid));
    for pid in pids {
        // The stop may find it awake.
        until_true("it has gone on", || {
            kill(pid, Signal::SIGSTOP).unwrap();
            let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            until_true("it stands still", || {
                [") T ", ") t "].iter().any(|stopped| state().contains(stopped))
            });
            kill(pid, Signal::SIGCONT).unwrap();
            traced.shows(pid, libc::SYS_restart_syscall)
        });
    }
}

/// A provider elsewhere, so that there is another egressd for another port.
fn providers_and_grants(world: &World) {
    let elsewhere = StandIn::start((Ipv4Addr::LOCALHOST, 0).into(), world.key()).unwrap();
    world.home().write("elsewhere.pem", elsewhere.ca_pem());
    let here = world.standin().port().to_string();
    let moved = world.providers().replace(&here, &elsewhere.port().to_string());
    world.home().write("secrets.providers.toml", &moved.replace("ca.pem", "elsewhere.pem"));
    until_true("the other provider is asked", || {
        let _ = status(world);
        !elsewhere.log().all().is_empty()
    });
    world.home().write("secrets.providers.toml", &world.providers());
    fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    until_true("nothing is granted", || status(world) == Some(403));
    world.home().write("secrets.grants.toml", &world.grant());
    until_true("all is as before", || status(world) == Some(200));
}
