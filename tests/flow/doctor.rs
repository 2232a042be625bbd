//! `ugent secret doctor` where all is well, or well enough.

use std::fs;

use tests::world::{Layout, World, key};

#[test]
fn a_ready_home_is_well_with_a_broker_and_without_and_is_left_as_it_was() {
    let world = World::ready();
    let before = world.home().deposits();
    let found = world.doctor();
    found.is_well();
    assert_eq!(found.of("process.keeperd")[0], "ok", "that a private keeperd is confined is a check");
    assert!(found.of("broker")[1].contains("no broker runs"));
    assert!(world.home().deposits() == before, "doctor changes nothing");
    let broker = world.broker();
    world.doctor().is_well();
    let _ = broker.stop().succeeded();
}

#[test]
fn people_are_told_a_line_a_check_and_the_count() {
    let world = World::ready();
    let told = world.ugent(&["doctor"]).run().succeeded();
    let lines: Vec<&str> = told.stdout.lines().collect();
    let (count, checks) = lines.split_last().unwrap();
    for line in checks {
        let known =
            ["ok    ", "warn  ", "fail  ", "      mend: "].iter().any(|start| line.starts_with(start));
        assert!(known, "{line}");
    }
    let of = |level: &str| checks.iter().filter(|line| line.starts_with(level)).count();
    let due = format!("{} ok, {} warning", of("ok"), of("warn"));
    assert!(count.starts_with(&due) && count.ends_with("0 failures"), "{count}");
    assert!(told.stderr.is_empty(), "{}", told.stderr);
}

/// The value of a line of /proc/PID/status.
fn status(pid: &str, label: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'));
    value.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_said_of_each_process_is_what_the_kernel_says() {
    let world = World::ready();
    let broker = world.broker();
    let found = world.doctor();
    let pids = [
        ("process.launcher", broker.launcher().pid()),
        ("process.keeperd", broker.child("keeperd").pid),
        ("process.egressd", broker.child("egressd").pid),
    ];
    for (id, pid) in pids {
        let pid = pid.to_string();
        let [level, what, _] = found.of(id);
        assert_eq!(level, "ok", "{what}");
        let uid = status(&pid, "Uid");
        let uid = uid.split(' ').next().unwrap();
        let (privileges, filter) = (status(&pid, "NoNewPrivs"), status(&pid, "Seccomp"));
        for said in [
            format!("(pid {pid})"),
            format!(" uid {uid},"),
            format!("no_new_privs {privileges},"),
            format!("seccomp {filter},"),
            "closed to others of its user".to_owned(),
        ] {
            assert!(what.contains(&said), "{said}: {what}");
        }
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let held = status(&pid, set);
            match held.trim_start_matches('0') {
                "" => assert!(!what.contains(set), "{what}"),
                bits => assert!(what.contains(&format!("{set} {bits}")), "{set} {bits}: {what}"),
            }
        }
    }
    let [_, keeperd, _] = found.of("process.keeperd");
    let status = world.json(&["broker", "status", "--json"]);
    let processes = status["processes"].as_array().unwrap();
    let reported = processes.iter().find(|process| process["name"] == "keeperd").unwrap();
    for kind in ["net", "ipc", "uts"] {
        let own = format!(" {kind} {}", reported["namespaces"][kind]);
        assert!(keeperd.contains(&own), "{own}: {keeperd}");
    }
    assert!(keeperd.contains("Landlock"), "{keeperd}");
}

#[test]
fn everything_as_root_is_a_warning_and_no_failure() {
    let found = World::of_one_user().doctor();
    let as_root = nix::unistd::geteuid().is_root();
    assert_eq!(found.of("users")[0], if as_root { "warn" } else { "ok" });
    found.is_well();
}

#[test]
fn a_locked_broker_is_a_warning_that_names_unlock() {
    let world = World::ready();
    let _broker = world.locked_broker();
    let found = world.doctor();
    found.is_well();
    let [level, _, mend] = found.of("broker.locked");
    assert_eq!((level, mend), ("warn".to_owned(), world.command_line("unlock")));
}

#[test]
fn grants_that_help_nobody_are_warnings() {
    let world = World::ready();
    world.add("@lonely", &key());
    let grants = format!("{}{}", world.grant(), World::grant_of("gone", "cli", "localhost", 60));
    world.home().write("secrets.grants.toml", &grants);
    world.home().chmod("secrets.grants.toml", 0o644);
    let found = world.doctor();
    found.is_well();
    for (id, word) in [
        ("grants.missing_secrets", "@gone"),
        ("grants.unused_secrets", "@lonely"),
        ("files.grants", "mode 0644"),
    ] {
        let [level, what, mend] = found.of(id);
        assert_eq!(level, "warn", "{what}");
        assert!(what.contains(word) && !mend.is_empty(), "{what} {mend}");
    }
    fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    let found = world.doctor();
    found.is_well();
    let [level, _, mend] = found.of("grants");
    assert_eq!(level, "warn");
    assert!(mend.contains(access(&world)), "{mend}");
}

/// Whose a policy file must be for the broker to take it.
fn access(world: &World) -> &'static str {
    match world.layout() {
        Layout::OneUser => "mode 0600",
        Layout::System => "root:ugent-keeper, mode 0640",
    }
}

#[test]
fn who_needs_no_token_on_the_socket_is_said() {
    let world = World::ready();
    let said = || world.doctor().of("settings")[1].clone();
    let whole = match world.layout() {
        Layout::OneUser => "needs no token",
        Layout::System => "needs a token but from the uids in consumers (1)",
    };
    assert!(said().ends_with(whole), "{}", said());
    world.home().write("secrets.toml", &format!("{}tokenless = false\n", world.settings_without_consumers()));
    assert!(said().ends_with("needs a token"), "{}", said());
}

#[test]
fn what_the_environment_gives_away_is_named_and_never_shown() {
    let world = World::ready();
    let (secret, token) = (key(), world.token());
    let found = world.doctor_as(|call| {
        call.env("OPENAI_API_KEY", &secret)
            .env("JINA_API_KEY", &token)
            .env("UGENT_SECRETS_PASSPHRASE", world.passphrase())
    });
    found.is_well();
    let [level, what, _] = found.of("environment.keys");
    assert_eq!(level, "warn");
    assert!(what.ends_with(": OPENAI_API_KEY"), "a broker token is no key: {what}");
    assert_eq!(found.of("environment.passphrase")[0], "warn");
    for value in [&secret, &token, world.passphrase()] {
        assert!(!found.json.to_string().contains(value));
    }
    assert_eq!(world.doctor().of("environment")[0], "ok");
}
