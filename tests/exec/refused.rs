//! All of it or nothing: who is not granted one value gets none, and nothing is started.

use tests::world::{HANDLE, World};

use crate::ground::{exec, grant, ready, with_key};

/// A program that leaves something behind, if it is ever started.
const LEAVES: [&str; 3] = ["sh", "-c", "touch started"];

#[track_caller]
fn not_started(world: &World) {
    assert!(!world.home().workspace().join("started").exists(), "it was started");
}

#[test]
fn one_refusal_of_several_starts_nothing_and_shows_the_grant_that_is_missing() {
    let world = ready();
    world.add("@other", "sk-0123456789");
    let other = ["--env", "OTHER=@other"];
    let told = with_key(&world, &other, &LEAVES).run();
    told.clone().refused(77, &["@other", "cli", "nothing was started"]);
    not_started(&world);
    assert!(world.events("lease.issued").is_empty(), "not even what was granted");
    let denied = world.events("lease.denied");
    assert_eq!(denied.len(), 1);
    assert_eq!((&denied[0]["secret"], &denied[0]["reason"]), (&"@other".into(), &"not_granted".into()));

    // What is shown is what mends it.
    let (_, shown) = told.stderr.split_once("[[grants]]").unwrap();
    let shown = format!("[[grants]]{shown}\n\n");
    world.home().write("secrets.grants.toml", &(shown + &grant(HANDLE, "cli", "process.env", "env_inject")));
    drop(with_key(&world, &other, &LEAVES).run().succeeded());
    assert!(world.home().workspace().join("started").exists());
}

#[test]
fn another_delivery_or_purpose_is_another_grant() {
    let world = ready();
    for (purpose, delivery, reason) in [
        ("process.env", "native", "delivery_not_granted"),
        ("plugin.env", "env_inject", "purpose_not_granted"),
    ] {
        world.home().write("secrets.grants.toml", &grant(HANDLE, "cli", purpose, delivery));
        with_key(&world, &[], &LEAVES).run().refused(77, &[HANDLE, reason]);
    }
    not_started(&world);
}

#[test]
fn names_that_are_none_or_double_are_refused_and_not_repeated() {
    let world = ready();
    for (options, code) in [
        (&["--env", "sk-0123456789=@x"][..], 64),
        (&["--env", "KEY=sk-0123456789"], 64),
        (&["--env", "sk-0123456789"], 64),
        (&["--env", "1KEY=@x"], 64),
        (&["--env", "=@x"], 64),
        (&["--env", "KEY=@sk 0123456789"], 65),
        (&["--env", "UGENT_SECRETS_PASSPHRASE=@openai_api_key"], 64),
        (&["--env", "K=@openai_api_key", "--env", "K=@other"], 64),
        (&["--env", "K=@openai_api_key", "--consumer", "Not A Name"], 65),
        (&["--env", "K=@openai_api_key", "--token-fd", "0"], 64),
        (&["--env", "K=@openai_api_key", "--token-fd", "99"], 64),
        (&["--env-file", "/nonexistent/refs.env"], 65),
    ] {
        let told = exec(&world, options, &LEAVES).run();
        assert!(!told.stderr.contains("sk-0123"), "{}", told.stderr);
        told.refused(code, &[]);
    }
    let _ = world.ugent(&["exec", "--env", "K=@openai_api_key"]).run().ended_with(64);
    let _ = world.ugent(&["exec", "--env", "K=@openai_api_key", "--"]).run().ended_with(64);
    not_started(&world);
}

#[test]
fn a_line_of_a_file_that_is_wrong_is_told_by_its_number() {
    let world = ready();
    let path = world.home().workspace().join("refs.env");
    std::fs::write(&path, "A=1\nsk-0123456789\n").unwrap();
    let told = exec(&world, &["--env-file", path.to_str().unwrap()], &LEAVES).run();
    assert!(!told.stderr.contains("sk-0123"), "{}", told.stderr);
    told.refused(65, &["refs.env:2"]);
    not_started(&world);
}

#[test]
fn a_secret_that_is_not_there_is_said_to_be_missing() {
    let world = ready();
    exec(&world, &["--env", "K=@nope"], &LEAVES).run().refused(65, &["@nope", "nothing was started"]);
    world.home().write("secrets.grants.toml", &grant("@nope", "cli", "process.env", "env_inject"));
    exec(&world, &["--env", "K=@nope"], &LEAVES).run().refused(65, &["@nope"]);
    let reasons: Vec<_> =
        world.events("lease.denied").iter().map(|record| record["reason"].clone()).collect();
    assert_eq!(reasons, ["not_granted", "no_secret"]);
    not_started(&world);
}

#[test]
fn a_locked_broker_lends_nothing_and_a_wrong_passphrase_opens_nothing() {
    let world = ready();
    let broker = world.locked_broker();
    with_key(&world, &[], &LEAVES).run().refused(77, &["locked"]);
    drop(broker.stop().succeeded());
    with_key(&world, &[], &LEAVES)
        .env("UGENT_SECRETS_PASSPHRASE", "wrong")
        .run()
        .refused(77, &["passphrase"]);
    with_key(&world, &[], &LEAVES).without("UGENT_SECRETS_PASSPHRASE").run().refused(77, &["passphrase"]);
    not_started(&world);
}

#[test]
fn another_consumer_takes_its_token() {
    let world = ready();
    let grants = [
        grant(HANDLE, "ci", "process.env", "env_inject"),
        grant(HANDLE, "plugin:x", "process.env", "env_inject"),
    ];
    world.home().write("secrets.grants.toml", &grants.concat());
    let broker = world.broker();
    let token = world.issued("ci");
    let directory = world.home().workspace();
    for (name, text) in [("token", token.as_str()), ("wrong", "ugent_wrong"), ("long", &"x".repeat(600))] {
        std::fs::write(directory.join(name), text).unwrap();
    }
    let run = |options: &[&str], file: &str| {
        let line = with_key(&world, options, &["true"]).shell_line();
        crate::environment::shell(&world, &format!("{line} 3< {file}"), "")
    };
    drop(run(&["--consumer", "ci", "--token-fd", "3"], "token").succeeded());
    drop(run(&["--token-fd", "3"], "token").succeeded());
    drop(run(&["--consumer", "plugin:x"], "token").succeeded());
    run(&["--consumer", "ci"], "token").refused(77, &["ci", "token"]);
    run(&["--consumer", "plugin:x", "--token-fd", "3"], "token").refused(77, &["token"]);
    run(&["--token-fd", "3"], "wrong").refused(77, &["token"]);
    run(&["--token-fd", "3"], "long").refused(77, &["token"]);
    let tokens = world.json(&["token", "list", "--json"]);
    let tokens = tokens.as_array().unwrap();
    let id = tokens.iter().find(|row| row["consumer"] == "ci").unwrap()["id"].as_str().unwrap();
    drop(world.ugent(&["token", "revoke", id]).run().succeeded());
    run(&["--token-fd", "3"], "token").refused(77, &["token"]);
    drop(broker.stop().succeeded());
}

#[test]
fn a_grants_limit_counts_what_is_lent() {
    let world = ready();
    let limited = grant(HANDLE, "cli", "process.env", "env_inject").trim_end().to_owned();
    world
        .home()
        .write("secrets.grants.toml", &(limited + "\nmax_requests_per_minute = 2\nmax_concurrent = 1\n"));
    let broker = world.broker();
    for _ in 0..2 {
        drop(with_key(&world, &[], &["true"]).run().succeeded());
    }
    with_key(&world, &[], &LEAVES).run().refused(75, &[HANDLE]);
    not_started(&world);
    drop(broker.stop().succeeded());
}
