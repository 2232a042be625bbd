//! Another user of the same machine, with the home itself readable to all, as it may be.
//! As root only: who is not cannot become somebody else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tests::world::http::Ask;
use tests::world::{Layout, World};

/// Runs Python as nobody, with no group of ours.
fn as_nobody(script: &str, argument: &Path) -> Output {
    let mut python = Command::new("setpriv");
    python.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    python.args(["/usr/bin/env", "python3", "-c", script]).arg(argument).current_dir("/");
    python.output().expect("util-linux and python3 are there")
}

const LOOK: &str = "import os,sys; p=sys.argv[1]; os.listdir(p) if os.path.isdir(p) else open(p,'rb').read()";
const CONNECT: &str = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";

/// Some of what is looked at, so that it is not nothing.
fn must_be_there(layout: Layout) -> Vec<&'static str> {
    let mut all = vec![
        "secrets.toml",
        "secrets.grants.toml",
        "secrets.providers.toml",
        "secrets",
        "secrets/metadata.redb",
        "secrets/vault",
        "secrets/vault/header",
        "secrets/audit",
        "secrets/audit/00000001.journal",
        "secrets/audit/head",
        "secrets/audit/checkpoint",
    ];
    match layout {
        Layout::OneUser => all.extend(["secrets/broker.token", "secrets/broker.log", "instances"]),
        Layout::System => all.push("broker.log"),
    }
    all
}

#[test]
fn another_user_of_the_machine_finds_no_way_in() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let world = World::ready();
    // Once in the background, which leaves a log.
    drop(world.ugent(&["broker", "start"]).run().succeeded());
    drop(world.ugent(&["broker", "stop"]).run().succeeded());
    let broker = world.broker();
    let home = world.home().path();
    for parent in home.ancestors().take_while(|parent| parent.starts_with(world.home().around())) {
        std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(as_nobody(LOOK, &home).status.success(), "the home itself may be listed");

    for name in must_be_there(world.layout()) {
        assert!(home.join(name).exists(), "{name} is there");
    }
    let found: Vec<_> = world.home().snapshot().into_keys().filter(|path| *path != home).collect();
    let sealed = home.join("secrets/vault");
    let values = found.iter().filter(|path| path.starts_with(&sealed) && path.is_file());
    assert!(values.count() > 1, "a sealed value beside the header: {found:?}");
    // There is no exception: not the provider's certificate either.
    for path in found {
        let looked = as_nobody(LOOK, &path);
        let name = path.display();
        assert!(!looked.status.success(), "{name} can be read");
        assert!(String::from_utf8_lossy(&looked.stderr).contains("PermissionError"), "{name}");
    }
    for socket in [world.home().keeper_socket(), world.home().gateway_socket()] {
        assert!(socket.exists());
        let connected = as_nobody(CONNECT, &socket);
        assert!(!connected.status.success(), "{} lets others in", socket.display());
        assert!(String::from_utf8_lossy(&connected.stderr).contains("PermissionError"));
    }

    let answer = world.tcp().ask(&Ask::chat()).unwrap();
    assert_eq!((answer.status, answer.refusal()), (401, Some("invalid_token")), "the port needs a token");
    assert_eq!(world.standin().log().all().len(), 0, "nothing reached the provider");
    drop(broker.stop().succeeded());
}
