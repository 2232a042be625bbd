//! What the kernel says of live daemons while they serve, and that they still serve under it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::world::World;
use tests::world::http::Ask;
use tests::world::until::until_true;

const NO_CAPS: &str = "0000000000000000";

/// What /proc/PID/status says under that label, for every thread.
fn of_threads(pid: Pid, label: &str) -> BTreeSet<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{label} in {status}")).trim().to_owned()
        })
        .collect()
}

#[test]
fn every_thread_is_held_while_a_stream_is_served() {
    let world = World::ready();
    let broker = world.broker();
    let mut http = world.tcp();
    let ask = Ask::streamed_chat().script("hold gate=a").bearer(&world.token());
    http.send(&ask.bytes()).unwrap();
    assert_eq!(http.head().unwrap().status, 200);
    http.event().unwrap().expect("an event");
    let only = |value: &str| BTreeSet::from([value.to_owned()]);
    for name in ["keeperd", "egressd"] {
        let pid = broker.child(name).pid;
        assert_eq!(of_threads(pid, "Seccomp"), only("2"), "{name}");
        // Two of its own, and two it has from the launcher.
        assert_eq!(of_threads(pid, "Seccomp_filters"), only("4"), "{name}");
        assert_eq!(of_threads(pid, "NoNewPrivs"), only("1"), "{name}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(of_threads(pid, set), only(NO_CAPS), "{name}: {set}");
        }
        assert!(of_threads(pid, "Name").len() > 1, "{name} has threads");
    }
    let launcher = broker.launcher().pid();
    assert_eq!(of_threads(launcher, "Seccomp"), only("2"));
    assert_eq!(of_threads(launcher, "NoNewPrivs"), only("1"));
    world.standin().open_gate("a");
    while http.event().unwrap().is_some() {}
}

#[test]
fn broker_status_shows_what_holds_each_process() {
    let world = World::ready();
    let _broker = world.broker();
    let status = world.json(&["broker", "status", "--json"]);
    let processes = status["processes"].as_array().unwrap();
    let of = |name: &str| processes.iter().find(|process| process["name"] == name).unwrap();
    for name in ["secret-broker", "keeperd", "egressd"] {
        assert_eq!(of(name)["kernel"]["Seccomp"], "2", "{name}");
        assert_eq!(of(name)["kernel"]["NoNewPrivs"], "1", "{name}");
    }
    let layers = |name: &str| -> BTreeSet<&str> {
        of(name)["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect()
    };
    for layer in ["no_core", "undumpable", "no_bounding", "no_caps", "no_new_privs", "files", "filter"] {
        assert!(layers("keeperd").contains(layer) && layers("egressd").contains(layer), "{layer}");
    }
    assert!(layers("egressd").contains("tcp_ports"));
    for (kind, layer) in [("net", "net_ns"), ("ipc", "ipc_ns"), ("uts", "uts_ns")] {
        let ours = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        let theirs = of("keeperd")["namespaces"][kind].as_u64().unwrap();
        assert!(layers("keeperd").contains(layer), "{layer}");
        assert_ne!(ours.display().to_string(), format!("{kind}:[{theirs}]"));
    }
}

/// The launcher starts it under the filter and the capabilities it has left itself.
#[test]
fn an_egressd_that_is_killed_is_replaced_under_the_launchers_filter() {
    let world = World::ready();
    let broker = world.broker();
    let first = broker.child("egressd").pid;
    kill(first, Signal::SIGKILL).unwrap();
    until_true("another egressd serves", || {
        let served = world.tcp().ask(&Ask::chat().bearer(&world.token()));
        served.is_ok_and(|answer| answer.status == 200)
    });
    let second = broker.child("egressd").pid;
    assert_ne!(first, second);
    assert_eq!(of_threads(second, "Seccomp"), BTreeSet::from(["2".to_owned()]));
}

/// keeperd reads a ca_file outside of UGENT_HOME once, and goes by what it held.
#[test]
fn a_ca_file_out_of_reach_is_remembered_and_a_new_one_is_refused_with_a_reason() {
    let world = World::ready();
    let outside = world.home().around().join("elsewhere.pem");
    fs::copy(world.home().path().join("ca.pem"), &outside).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).unwrap();
    let providers = fs::read_to_string(world.home().path().join("secrets.providers.toml")).unwrap();
    let inside = world.home().path().join("ca.pem").display().to_string();
    let named = |path: &str| {
        let text = providers.replace(&inside, path).replace("\"ca.pem\"", &format!("\"{path}\""));
        assert!(text.contains(path), "{text}");
        text
    };
    let remembered = named(&outside.display().to_string());
    world.home().write("secrets.providers.toml", &remembered);
    let _broker = world.broker();
    world.home().write("secrets.providers.toml", &format!("{remembered}\n# touched\n"));
    let served = world.tcp().ask(&Ask::chat().bearer(&world.token())).unwrap();
    assert_eq!(served.status, 200);
    let another = world.home().around().join("another.pem");
    fs::copy(&outside, &another).unwrap();
    world.home().write("secrets.providers.toml", &named(&another.display().to_string()));
    until_true("the refusal is shown", || {
        let status = world.json(&["broker", "status", "--json"]);
        status["providers_refused"].as_str().is_some_and(|why| why.contains("another.pem"))
    });
}
