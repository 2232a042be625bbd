//! Commands with bad input: a clear error, the documented exit code, and every deposit as it was.

use tests::world::{HANDLE, World};

/// A value where a name should be; no answer may repeat it.
const TYPED: &str = "hunter2-typed-in-the-wrong-place";

/// That command with that stdin is refused with that code, its error names these, and nothing of
/// what is deposited changes. Without a broker and with one.
fn is_refused(arguments: &[&str], input: &[u8], code: i32, names: &[&str]) {
    let world = World::ready();
    refuses(&world, arguments, input, code, names);
    let broker = world.broker();
    refuses(&world, arguments, input, code, names);
    let _ = broker.stop().succeeded();
}

fn refuses(world: &World, arguments: &[&str], input: &[u8], code: i32, names: &[&str]) {
    let (files, list) = (world.home().deposits(), world.json(&["list", "--json"]));
    let told = world.ugent(arguments).typing(input).run();
    assert!(!told.stderr.contains(TYPED) && !told.stdout.contains(TYPED), "{}", told.stderr);
    told.refused(code, names);
    let after = world.home().deposits();
    let changed: Vec<_> =
        after.keys().chain(files.keys()).filter(|path| files.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{arguments:?} changed {changed:?}");
    assert_eq!(world.json(&["list", "--json"]), list);
}

#[test]
fn an_empty_value_is_refused() {
    is_refused(&["add", "@new", "--stdin"], b"", 65, &["empty"]);
    is_refused(&["add", "@new", "--stdin"], b"\n", 65, &["empty"]);
    is_refused(&["rotate", HANDLE, "--stdin"], b"", 65, &["empty"]);
}

#[test]
fn a_value_with_a_nul_is_refused() {
    is_refused(&["add", "@new", "--stdin"], b"some\0value", 65, &["NUL"]);
    is_refused(&["rotate", HANDLE, "--stdin"], b"\0", 65, &["NUL"]);
}

#[test]
fn a_value_of_65_kib_is_refused() {
    is_refused(&["add", "@new", "--stdin"], &vec![b'v'; 65 * 1024], 65, &["64 KiB"]);
    is_refused(&["add", "@new", "--stdin"], &vec![b'v'; 64 * 1024 + 1], 65, &["64 KiB"]);
}

#[test]
fn a_malformed_handle_is_refused_and_not_repeated() {
    for handle in [TYPED, "@Hunter2", "@", "@a b", "@../x"] {
        is_refused(&["add", handle, "--stdin"], b"0123456789", 65, &["handle"]);
    }
    is_refused(&["inspect", TYPED], b"", 65, &["handle"]);
    is_refused(&["rotate", TYPED, "--stdin"], b"0123456789", 65, &["handle"]);
    is_refused(&["remove", TYPED, "--yes"], b"", 65, &["handle"]);
    is_refused(&["audit", TYPED], b"", 65, &["handle"]);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    is_refused(&["add", HANDLE, "--provider", "openai", "--stdin"], b"0123456789", 65, &[HANDLE]);
}

#[test]
fn a_name_that_is_not_there_is_refused() {
    is_refused(&["rotate", "@nobody", "--stdin"], b"0123456789", 65, &["@nobody"]);
    is_refused(&["inspect", "@nobody"], b"", 65, &["@nobody"]);
    is_refused(&["remove", "@nobody", "--yes"], b"", 65, &["@nobody"]);
}

#[test]
fn a_provider_nobody_knows_is_refused() {
    is_refused(&["add", "@new", "--provider", "nobody", "--stdin"], b"0123456789", 65, &["provider", "@new"]);
    is_refused(&["add", "@new", "--provider", "No Body", "--stdin"], b"0123456789", 65, &["provider"]);
    is_refused(&["add", "@new", "--kind", "nonsense", "--stdin"], b"0123456789", 65, &["kind"]);
}

#[test]
fn a_value_as_an_argument_is_refused_and_not_repeated() {
    is_refused(&["add", "@new", "--value", TYPED], b"", 64, &["--value"]);
    is_refused(&["add", "@new", &format!("--value={TYPED}")], b"", 64, &["--value"]);
    is_refused(&["rotate", HANDLE, "--value", TYPED], b"", 64, &["--value"]);
}

#[test]
fn a_value_as_a_second_argument_is_refused_and_not_repeated() {
    let world = World::ready();
    let told = world.ugent(&["add", "@new", TYPED]).run().ended_with(64);
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
}

#[test]
fn add_without_stdin_says_how_a_value_comes_in() {
    is_refused(&["add", "@new"], b"0123456789", 64, &["--stdin"]);
}

#[test]
fn remove_without_a_terminal_needs_yes() {
    let world = World::ready();
    let told = world.ugent(&["remove", HANDLE]).run().ended_with(64);
    assert!(told.stderr.contains("--yes"), "{}", told.stderr);
    assert_eq!(world.handles(), [HANDLE]);
}

#[test]
fn usage_errors_end_with_64() {
    let world = World::ready();
    for arguments in [
        &["nonsense"][..],
        &["list", "--nonsense"],
        &["audit", "--since", "yesterday-ish"],
        &["audit", "--limit", "x"],
    ] {
        let told = world.ugent(arguments).run();
        assert!(matches!(told.code, Some(64 | 65)), "{arguments:?}: {:?} {}", told.code, told.stderr);
    }
    assert_eq!(world.ugent(&["nonsense"]).run().code, Some(64));
}

#[test]
fn a_wrong_passphrase_is_refused_and_recorded_and_changes_nothing() {
    let world = World::ready();
    let before = world.home().deposits();
    for arguments in
        [&["add", "@new", "--stdin"][..], &["rotate", HANDLE, "--stdin"], &["remove", HANDLE, "--yes"]]
    {
        let call = world.ugent(arguments).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
        call.typing("0123456789").run().refused(77, &["passphrase"]);
        world.clear_tries();
    }
    assert!(world.home().deposits() == before);
    assert_eq!(world.handles(), [HANDLE]);
    assert_eq!(world.events("vault.unlock_failed").len(), 3);
    drop(world.ugent(&["audit", "--verify"]).run().succeeded());
}

#[test]
fn a_broker_with_a_wrong_passphrase_does_not_start() {
    let world = World::ready();
    let before = world.home().deposits();
    let call = world.launcher().env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
    call.run().refused(77, &["passphrase"]);
    let call = world.ugent(&["broker", "start"]).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
    call.run().refused(77, &["passphrase"]);
    let after = world.home().deposits();
    assert!(before.iter().all(|(path, file)| after.get(path) == Some(file)), "the vault is untouched");
}

#[test]
fn no_passphrase_and_no_terminal_says_how_to_give_one() {
    let world = World::ready();
    let call = world.ugent(&["add", "@new", "--stdin"]).without("UGENT_SECRETS_PASSPHRASE");
    let told = call.typing("0123456789").run().ended_with(77);
    assert!(told.stderr.contains("UGENT_SECRETS_PASSPHRASE"), "{}", told.stderr);
    assert_eq!(world.handles(), [HANDLE]);
}

#[test]
fn commands_before_init_say_to_init() {
    let world = World::bare();
    for arguments in
        [&["list"][..], &["inspect", "@a"], &["add", "@a", "--stdin"], &["audit"], &["broker", "start"]]
    {
        let told = world.ugent(arguments).typing("0123456789").run();
        assert_eq!(told.code, Some(78), "{arguments:?}: {}", told.stderr);
        assert!(told.stderr.contains(&world.command_line("init")), "{arguments:?}: {}", told.stderr);
    }
    assert!(!world.home().path().join("secrets").exists(), "reading makes nothing");
}

#[test]
fn what_a_hint_says_to_type_means_the_same_broker() {
    let world = World::ready();
    let hinted = |arguments: &[&str], verb: &str| {
        let told = world.ugent(arguments).typing("0123456789").run();
        assert_ne!(told.code, Some(0), "{arguments:?}");
        let hint = format!("hint: {}", world.command_line(verb));
        assert!(told.stderr.contains(&hint), "{arguments:?}: {}", told.stderr);
    };
    hinted(&["lock"], "broker start");
    hinted(&["broker", "status"], "broker start");
    hinted(&["add", HANDLE, "--stdin"], &format!("rotate {HANDLE} --stdin"));
    hinted(&["remove", HANDLE], &format!("remove {HANDLE} --yes"));
    hinted(&["inspect", "@nobody"], "list");
    hinted(&["token", "revoke", "00000000"], "token list");
    let broker = world.locked_broker();
    hinted(&["rotate", HANDLE, "--stdin"], "unlock");
    let told = world.ugent(&["broker", "start"]).run().succeeded();
    let locked = format!("until: {}", world.command_line("unlock"));
    assert!(told.stdout.contains(&locked), "{}", told.stdout);
    let _ = broker.stop().succeeded();
}

#[test]
fn a_forgotten_at_is_named_with_a_short_name_only() {
    let world = World::ready();
    let told = world.ugent(&["inspect", "openai_api_key"]).run().ended_with(65);
    assert!(told.stderr.contains("hint: did you mean @openai_api_key?"), "{}", told.stderr);
    let told = world.ugent(&["inspect", TYPED]).run().ended_with(65);
    assert!(told.stderr.contains("hint: ugent secret inspect --help"), "{}", told.stderr);
}

#[test]
fn what_is_there_or_not_is_found_before_the_vault_is_opened() {
    let world = World::ready();
    for (arguments, name) in [
        (&["add", HANDLE, "--stdin"][..], HANDLE),
        (&["rotate", "@nobody", "--stdin"], "@nobody"),
        (&["remove", "@nobody", "--yes"], "@nobody"),
    ] {
        let call = world.ugent(arguments).env("UGENT_SECRETS_PASSPHRASE", "not the passphrase");
        call.typing("0123456789").run().refused(65, &[name]);
    }
    assert!(world.events("vault.unlock_failed").is_empty());
}

#[test]
fn a_value_the_gateway_cannot_send_is_deposited_with_a_warning() {
    let world = World::ready();
    let warns = |arguments: &[&str], value: &str| {
        let told = world.ugent(arguments).typing(value).run().succeeded();
        assert!(!told.stderr.contains(value) && !told.stdout.contains(value));
        told.stderr.contains("value_not_injectable")
    };
    assert!(warns(&["add", "@short", "--provider", "openai", "--stdin"], "0123456789"));
    assert!(warns(&["rotate", "@short", "--stdin"], "0123456789 0123456789"));
    assert!(!warns(&["rotate", "@short", "--stdin"], "01234567890123456789"));
    assert!(!warns(&["add", "@generic", "--stdin"], "0123456789"));
}

#[test]
fn a_passphrase_of_white_space_makes_no_vault() {
    let world = World::bare();
    let call = world.ugent(&["init"]).env("UGENT_SECRETS_PASSPHRASE", " \t ");
    call.run().refused(65, &["passphrase"]);
    assert!(!world.home().path().join("secrets/vault/header").exists());
}

#[test]
fn a_command_line_that_is_wrong_is_answered_with_what_is_near_or_with_help() {
    let world = World::bare();
    let said = |arguments: &[&str]| world.ugent(arguments).run().ended_with(64).stderr;
    for command in ["zebra", "physician"] {
        let told = said(&[command]);
        assert!(told.ends_with("hint: ugent secret --help\n"), "{command}: {told}");
    }
    let told = said(&["add", "@new", "--provider", "--stdin"]);
    assert!(told.contains("needs a value"), "{told}");
    assert!(told.ends_with("hint: ugent secret add --help\n"), "{told}");
    let told = said(&["list", "--colour=sometimes"]);
    assert!(told.contains("--colour") && !told.contains("sometimes"), "{told}");
}
