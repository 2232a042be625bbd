//! Every command with good input. Each is tried with a private keeper and with a broker.

use serde_json::Value;
use tests::world::{HANDLE, Layout, Outcome, World};

/// Runs the claim twice: without a broker, and with one.
fn with_both_keepers(claim: impl Fn(&World)) {
    claim(&World::ready());
    let world = World::ready();
    let broker = world.broker();
    claim(&world);
    let _ = broker.stop().succeeded();
}

fn ran(world: &World, arguments: &[&str]) -> Outcome {
    world.ugent(arguments).run().succeeded()
}

fn field(row: &Value, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => panic!("no {name} in {row}"),
    }
}

#[test]
fn init_says_what_it_made_and_what_to_type_next() {
    let world = World::bare_of_one_user();
    let told = ran(&world, &["init"]).stdout;
    assert!(told.contains("file-vault") && told.contains("ugent secret add"), "{told}");
    for path in ["secrets/metadata.redb", "secrets/vault", "secrets/broker.token"] {
        assert!(world.home().path().join(path).exists(), "init makes {path}");
    }
    let token = world.token();
    assert!(token.len() >= 40 && token.is_ascii(), "the token has enough chance in it");
}

#[test]
fn init_twice_changes_nothing_and_says_what_exists() {
    let world = World::ready();
    let before = world.home().deposits();
    let told = ran(&world, &["init"]).stdout;
    assert!(told.contains("exist") || told.contains("already"), "{told}");
    assert!(world.home().deposits() == before, "a second init changes nothing");
}

#[test]
fn init_without_a_backend_says_plainly_what_to_type() {
    let world = World::bare_of_one_user();
    let settings = world.settings().replace("backend = \"file-vault\"\n", "");
    world.home().write("secrets.toml", &settings);
    let told = world.ugent(&["init"]).without("UGENT_SECRETS_BACKEND").run();
    assert_ne!(told.code, Some(0));
    assert!(told.stderr.contains("file-vault"), "{}", told.stderr);
    assert!(!world.home().path().join("secrets/vault").exists());
}

#[test]
fn only_its_owner_can_read_what_init_makes() {
    let world = World::ready();
    for (path, (mode, _)) in world.home().snapshot() {
        if path.starts_with(world.home().path().join("secrets")) {
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
}

#[test]
fn an_added_secret_is_listed_and_inspected_without_its_value() {
    with_both_keepers(|world| {
        assert_eq!(world.handles(), [HANDLE]);
        let inspected = world.json(&["inspect", HANDLE, "--json"]);
        assert_eq!(field(&inspected, "handle"), HANDLE);
        assert_eq!(field(&inspected, "provider"), "openai");
        assert_eq!(field(&inspected, "kind"), "api_key");
        assert_eq!(field(&inspected, "version"), "1");
        assert_eq!(field(&inspected, "fingerprint").len(), 12);
        assert!(!inspected.to_string().contains(world.key()));
    });
}

#[test]
fn inspect_prints_a_label_and_a_value_a_line() {
    let world = World::ready();
    let told = ran(&world, &["inspect", HANDLE]).stdout;
    let labels: Vec<_> = told.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let due = [
        "handle",
        "provider",
        "kind",
        "fingerprint",
        "version",
        "created",
        "rotated",
        "last_used",
        "expires",
        "previous",
    ];
    assert_eq!(labels, due, "{told}");
}

#[test]
fn add_takes_generic_and_api_key_for_granted() {
    with_both_keepers(|world| {
        drop(world.ugent(&["add", "@plain", "--stdin"]).typing("0123456789").run().succeeded());
        let inspected = world.json(&["inspect", "@plain", "--json"]);
        assert_eq!(
            (field(&inspected, "provider"), field(&inspected, "kind")),
            ("generic".into(), "api_key".into())
        );
    });
}

#[test]
fn add_says_who_may_be_granted_a_use_that_nothing_grants_yet() {
    let world = World::with_vault();
    let call = world.ugent(&["add", "@new", "--provider", "openai", "--stdin"]);
    let told = call.typing("0123456789abcdef").run().succeeded().stdout;
    let (_, grant) = told.split_once("[[grants]]").unwrap();
    let due: &[&str] = match world.layout() {
        Layout::OneUser => &["consumer = \"ugent-core\"\n"],
        Layout::System => {
            &["consumer = \"my-service\"\n", "consumers = { UID = \"my-service\" }", "token issue"]
        }
    };
    assert!(due.iter().all(|due| grant.contains(due)), "{told}");
    // And the broker takes what was printed.
    world.home().write("secrets.grants.toml", &format!("[[grants]]{grant}"));
    let next = world.ugent(&["add", "@more", "--stdin"]).typing("0123456789abcdef").run().succeeded().stdout;
    assert!(next.contains(&format!("next: {}", world.command_line("inspect @more"))), "{next}");
    assert_eq!(world.doctor().of("grants")[0], "ok");
}

#[test]
fn one_trailing_newline_is_dropped_and_no_more() {
    let world = World::with_vault();
    let fingerprint = |name: &str, typed: &str| {
        drop(world.ugent(&["add", name, "--stdin"]).typing(typed).run().succeeded());
        field(&world.json(&["inspect", name, "--json"]), "fingerprint")
    };
    let bare = fingerprint("@a", "some value");
    assert_eq!(fingerprint("@b", "some value\n"), bare, "one newline is dropped");
    assert_ne!(fingerprint("@c", "some value\n\n"), bare, "a second one is part of the value");
    assert_ne!(fingerprint("@d", " some value"), bare, "spaces are part of the value");
}

#[test]
fn the_largest_value_is_taken() {
    with_both_keepers(|world| {
        let call = world.ugent(&["add", "@large", "--stdin"]);
        drop(call.typing(vec![b'v'; 64 * 1024]).run().succeeded());
        assert_eq!(field(&world.json(&["inspect", "@large", "--json"]), "version"), "1");
    });
}

#[test]
fn fingerprints_are_keyed_so_that_two_vaults_show_different_ones() {
    let fingerprint = || {
        let world = World::with_vault();
        drop(world.ugent(&["add", "@same", "--stdin"]).typing("the same value").run().succeeded());
        field(&world.json(&["inspect", "@same", "--json"]), "fingerprint")
    };
    assert_ne!(fingerprint(), fingerprint());
}

#[test]
fn rotate_makes_a_new_version_with_another_fingerprint() {
    with_both_keepers(|world| {
        let before = world.json(&["inspect", HANDLE, "--json"]);
        world.rotate(HANDLE, &tests::world::key());
        let after = world.json(&["inspect", HANDLE, "--json"]);
        assert_eq!(field(&after, "version"), "2");
        assert_ne!(field(&after, "fingerprint"), field(&before, "fingerprint"));
        assert_eq!(field(&after, "created"), field(&before, "created"));
        assert_ne!(field(&after, "rotated"), field(&before, "rotated"));
    });
}

#[test]
fn remove_takes_a_secret_and_its_files_away_and_its_versions_are_not_used_again() {
    with_both_keepers(|world| {
        let sealed = |world: &World| {
            let vault = world.home().path().join("secrets/vault");
            std::fs::read_dir(vault).unwrap().count()
        };
        let before = sealed(world);
        drop(ran(world, &["remove", HANDLE, "--yes"]));
        assert!(world.handles().is_empty());
        assert_eq!(sealed(world), before - 1, "its sealed file is gone");
        world.add(HANDLE, world.key());
        assert_eq!(field(&world.json(&["inspect", HANDLE, "--json"]), "version"), "2");
    });
}

#[test]
fn list_is_plain_rows_in_order_of_names_when_piped() {
    with_both_keepers(|world| {
        for name in ["@zebra", "@alpha"] {
            drop(world.ugent(&["add", name, "--stdin"]).typing("0123456789").run().succeeded());
        }
        let told = ran(world, &["list"]).stdout;
        let first: Vec<_> = told.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(first, ["@alpha", HANDLE, "@zebra"]);
        assert!(!told.contains('\u{1b}'), "no colours in a pipe");
    });
}

#[test]
fn reading_commands_need_no_passphrase() {
    let world = World::ready();
    for arguments in [&["list"][..], &["inspect", HANDLE], &["audit"]] {
        drop(world.ugent(arguments).without("UGENT_SECRETS_PASSPHRASE").run().succeeded());
    }
}

#[test]
fn help_names_every_command() {
    let world = World::bare();
    let told = ran(&world, &["--help"]).stdout;
    for command in [
        "init", "add", "rotate", "list", "inspect", "remove", "audit", "unlock", "lock", "broker", "doctor",
        "token",
    ] {
        assert!(told.contains(command), "help names {command}");
    }
}

#[test]
fn a_keeper_of_one_command_ends_with_it() {
    let world = World::ready();
    drop(ran(&world, &["list"]));
    assert!(tests::world::census::attached_to(world.home().around()).is_empty());
}
