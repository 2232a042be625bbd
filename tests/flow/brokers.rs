//! Starting, asking after and stopping brokers.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::world::World;
use tests::world::census::{Process, attached_to, seen_of_environments};
use tests::world::http::{Ask, Http};
use tests::world::until::until_true;

#[test]
fn start_returns_when_the_broker_is_ready_and_stop_when_it_is_gone() {
    let world = World::of_one_user();
    let told = world.ugent(&["broker", "start"]).run().succeeded().stdout;
    assert!(told.contains(&format!("127.0.0.1:{}", world.port())), "{told}");
    assert!(told.contains(world.home().gateway_socket().to_str().unwrap()), "{told}");
    assert!(told.contains("broker.token"), "{told}");
    let mut http = Http::tcp(world.port()).unwrap();
    assert_eq!(http.ask(&Ask::get("/readyz")).unwrap().status, 200);
    assert_eq!(world.ask(&Ask::streamed_chat()).status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
    assert!(attached_to(world.home().around()).is_empty(), "nothing is left");
    assert!(Http::tcp(world.port()).is_err());
}

#[test]
fn start_without_a_passphrase_says_that_it_is_locked() {
    let world = World::ready();
    let call = world.ugent(&["broker", "start"]).without("UGENT_SECRETS_PASSPHRASE");
    let told = call.run().succeeded();
    assert!(told.stdout.contains("locked"), "{}", told.stdout);
    assert_eq!(Http::tcp(world.port()).unwrap().ask(&Ask::get("/healthz")).unwrap().status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn start_a_second_time_prints_the_running_brokers_addresses() {
    let world = World::ready();
    let broker = world.broker();
    let told = world.ugent(&["broker", "start"]).run().succeeded().stdout;
    assert!(told.contains(&format!("127.0.0.1:{}", world.port())), "{told}");
    assert_eq!(broker.status_of("/readyz"), Some(200));
    let _ = broker.stop().succeeded();
}

#[test]
fn stop_and_status_without_a_broker_say_so() {
    let world = World::ready();
    for verb in ["stop", "status"] {
        let told = world.ugent(&["broker", verb]).run();
        assert_eq!(told.code, Some(69), "broker {verb}: {}", told.stderr);
    }
}

#[test]
fn status_shows_processes_listeners_and_confinement() {
    let world = World::ready();
    let broker = world.broker();
    let told = world.ugent(&["broker", "status"]).run().succeeded().stdout;
    for name in ["keeperd", "egressd"] {
        let pid = broker.child(name).pid.to_string();
        assert!(told.contains(name) && told.contains(&pid), "{told}");
    }
    for text in [&format!("127.0.0.1:{}", world.port()), "file-vault", "no_new_privs", "undumpable"] {
        assert!(told.contains(text), "no {text} in {told}");
    }
    let json = world.json(&["broker", "status", "--json"]);
    assert!(json.to_string().contains(&broker.launcher().pid().to_string()));
}

#[test]
fn there_are_three_processes_under_their_own_names_without_arguments() {
    let world = World::ready();
    let broker = world.broker();
    for name in ["keeperd", "egressd"] {
        let child = broker.child(name);
        let arguments = child.proc_file("cmdline").split(|b| *b == 0).filter(|a| !a.is_empty()).count();
        assert_eq!(arguments, 1, "{name} has no arguments");
        assert_eq!(
            child.variables(),
            seen_of_environments(),
            "{name} has nothing of ours in its environment"
        );
    }
    assert_eq!(broker.children().len(), 2);
    let launcher = Process::find(broker.launcher().pid().as_raw()).unwrap();
    assert_eq!(launcher.name, "secret-broker");
}

#[test]
fn the_daemons_cannot_gain_privileges_and_leave_no_core() {
    let world = World::ready();
    let broker = world.broker();
    for name in ["keeperd", "egressd"] {
        let child = broker.child(name);
        let status = String::from_utf8(child.proc_file("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{name}: {status}");
        let limits = String::from_utf8(child.proc_file("limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let numbers: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(numbers, ["0", "0"], "{name}: {core}");
    }
}

#[test]
fn daemons_started_by_hand_do_nothing() {
    let world = World::bare();
    for daemon in ["keeperd", "egressd"] {
        let told = world.command(daemon).run();
        assert_eq!(told.code, Some(64), "{daemon}: {}", told.stderr);
        assert!(told.stderr.contains("broker"), "it says what starts it: {}", told.stderr);
    }
}

#[test]
fn a_dead_brokers_sockets_are_taken_over() {
    let world = World::ready();
    let broker = world.broker();
    let children = broker.children();
    broker.signal(Signal::SIGKILL);
    let _ = broker.ended();
    until_true("its children are gone with it", || children.iter().all(|child| !child.lives()));
    assert!(world.home().keeper_socket().exists(), "its socket was left behind");
    assert_eq!(world.handles().len(), 1, "commands work without a broker again");
    let broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(world.unix().ask(&Ask::chat()).unwrap().status, 200);
    let _ = broker.stop().succeeded();
}

#[test]
fn no_tcp_means_the_socket_only() {
    let world = World::ready();
    drop(world.ugent(&["broker", "start", "--no-tcp"]).run().succeeded());
    assert!(Http::tcp(world.port()).is_err());
    assert_eq!(world.unix().ask(&Ask::chat()).unwrap().status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn a_broker_in_the_foreground_ends_with_a_signal() {
    let world = World::ready();
    let mut running = world.ugent(&["broker", "start", "--foreground"]).start();
    until_true("it is ready", || {
        let answer = Http::tcp(world.port()).and_then(|mut http| http.ask(&Ask::get("/readyz")));
        answer.is_ok_and(|answer| answer.status == 200)
    });
    running.signal(Signal::SIGTERM);
    let _ = running.outcome().succeeded();
    assert!(attached_to(world.home().around()).is_empty());
}

#[test]
fn a_broker_started_in_the_background_survives_the_terminals_hangup() {
    let world = World::ready();
    drop(world.ugent(&["broker", "start"]).run().succeeded());
    let pid = world.json(&["broker", "status", "--json"])["pid"].as_i64().expect("the launcher's");
    let launcher = Process::find(i32::try_from(pid).unwrap()).expect("it lives");
    assert_eq!(launcher.name, "secret-broker");
    let session = nix::unistd::getsid(Some(launcher.pid)).unwrap();
    assert_eq!(session, launcher.pid, "it leads a session of its own");
    assert_ne!(session, nix::unistd::getsid(None::<Pid>).unwrap());
    kill(launcher.pid, Signal::SIGTERM).unwrap();
    until_true("it is gone", || !launcher.lives());
    until_true("all of it", || attached_to(world.home().around()).is_empty());
}

/// A request that the stand-in holds until its gate opens.
fn held_stream(world: &World) -> Http {
    let mut http = world.tcp();
    http.send(&Ask::streamed_chat().script("hold gate=a").bearer(&world.token()).bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    assert!(http.event().unwrap().is_some());
    http
}

#[test]
fn start_while_a_broker_ends_waits_for_it_and_starts_another() {
    let world = World::ready();
    let broker = world.broker();
    let pid = broker.launcher().pid().to_string();
    let mut http = held_stream(&world);
    assert_eq!(world.json(&["broker", "status", "--json"])["state"], "serving");
    broker.signal(Signal::SIGTERM);
    until_true("status says that it ends", || {
        world.json(&["broker", "status", "--json"])["state"] == "ending"
    });
    let mut start = world.ugent(&["broker", "start"]).start();
    until_true("start says whom it waits for", || start.stderr().contains(&format!("ending (pid {pid})")));
    world.standin().open_gate("a");
    while http.event().expect("the stream goes on to its end").is_some() {}
    let _ = broker.ended().succeeded();
    let told = start.outcome().succeeded().stdout;
    assert!(told.contains("the broker is running") && !told.contains(&format!("(pid {pid})")), "{told}");
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
}

#[test]
fn stop_says_what_it_waits_for_and_a_second_one_ends_it() {
    let world = World::ready();
    let broker = world.broker();
    let _held = held_stream(&world);
    let mut first = world.ugent(&["broker", "stop"]).start();
    until_true("it says what it waits for", || first.stderr().contains("a second `broker stop`"));
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
    let _ = first.outcome().succeeded();
    let _ = broker.ended().succeeded();
}

#[test]
fn stops_at_the_same_time_all_succeed() {
    let world = World::ready();
    let broker = world.broker();
    let mut stops: Vec<_> = (0..4).map(|_| world.ugent(&["broker", "stop"]).start()).collect();
    let codes: Vec<_> = stops.iter_mut().map(|stop| stop.outcome()).collect();
    let _ = broker.ended().succeeded();
    for told in &codes {
        // One that only looked once all was over has found no broker.
        let late = told.code == Some(69) && told.stderr.contains("no broker is running");
        assert!(told.code == Some(0) || late, "{:?} {}", told.code, told.stderr);
    }
    assert!(codes.iter().any(|told| told.code == Some(0)));
}

#[test]
fn a_broker_whose_socket_was_removed_is_named() {
    let world = World::ready();
    let broker = world.broker();
    let pid = format!("pid {}", broker.launcher().pid());
    std::fs::remove_file(world.home().keeper_socket()).unwrap();
    for arguments in [&["list"][..], &["broker", "status"], &["broker", "start"], &["broker", "stop"]] {
        let told = world.ugent(arguments).run();
        assert!(told.stderr.contains("hint: kill "), "{arguments:?}: {}", told.stderr);
        told.refused(75, &[&pid, "keeperd.sock", "missing"]);
    }
    let _ = broker.stop().succeeded();
}

#[test]
fn start_with_options_the_running_broker_does_not_have_is_refused() {
    let world = World::of_one_user();
    let broker = world.broker();
    let pid = format!("pid {}", broker.launcher().pid());
    let (here, around) = (world.home().workspace(), world.home().around().to_owned());
    let (here, around) = (here.to_str().unwrap(), around.to_str().unwrap());
    let same = format!("127.0.0.1:{}", world.port());
    for options in [&["--no-tcp"][..], &["--listen", "127.0.0.1:1"], &["--workspace", around]] {
        let arguments = [&["broker", "start"], options].concat();
        world.ugent(&arguments).run().refused(75, &[&pid, "other options"]);
    }
    let told = world.ugent(&["broker", "start", "--listen", &same, "--workspace", here]).run().succeeded();
    assert!(!told.stderr.contains("note:"), "{}", told.stderr);
    let _ = broker.stop().succeeded();
}

#[test]
fn start_from_another_workspace_says_that_it_has_no_socket() {
    let world = World::of_one_user();
    let broker = world.broker();
    let mut ugent = std::process::Command::new(tests::world::Binaries::of_this_build().path("ugent"));
    ugent.args(["secret", "broker", "start"]).env_clear().env("UGENT_HOME", world.home().path());
    let told = ugent.current_dir(world.home().around()).output().unwrap();
    assert!(told.status.success());
    assert!(String::from_utf8(told.stdout).unwrap().contains(&format!("127.0.0.1:{}", world.port())));
    assert_eq!(String::from_utf8(told.stderr).unwrap(), "note: this workspace has no socket of its own\n");
    let _ = broker.stop().succeeded();
}
