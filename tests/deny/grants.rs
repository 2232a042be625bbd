//! Grants: absence, doubt and anything that does not match is a no, and the journal says why.

use tests::world::http::Ask;
use tests::world::until::until;
use tests::world::{HANDLE, World};

/// A broker with that grants file refuses a chat for that reason.
fn denies(grants: Option<&str>, reason: &str) {
    let world = World::ready();
    let path = world.home().path().join("secrets.grants.toml");
    match grants {
        None => std::fs::remove_file(path).unwrap(),
        Some(text) => world.home().write("secrets.grants.toml", text),
    }
    let _broker = world.broker();
    is_denied(&world, reason);
}

fn is_denied(world: &World, reason: &str) {
    let before = world.events("lease.denied").len();
    let answer = world.ask(&Ask::chat());
    assert_eq!((answer.status, answer.refusal()), (403, Some("not_granted")), "{}", answer.text());
    assert!(world.standin().log().all().is_empty(), "nothing reached the provider");
    let denied = world.events("lease.denied");
    assert_eq!(denied.len(), before + 1);
    let record = &denied[before];
    assert_eq!(record["reason"], reason);
    let number = record["seq"].to_string();
    assert!(answer.text().contains(&number), "the client is told the record's number: {}", answer.text());
}

fn grant() -> String {
    World::grant_of("openai_api_key", "ugent-core", "localhost", 300)
}

#[test]
fn a_missing_file_denies_everything() {
    denies(None, "grants_missing");
}

#[test]
fn an_empty_file_denies_everything() {
    denies(Some(""), "not_granted");
}

#[test]
fn a_malformed_file_denies_everything() {
    denies(Some(&format!("{}\n[[grants]\n", grant())), "grants_unusable");
}

#[test]
fn a_file_that_is_refused_is_said_by_status_and_recorded_and_so_is_that_it_was_mended() {
    let world = World::ready();
    let _broker = world.broker();
    let grants = || world.json(&["broker", "status", "--json"])["grants"].clone();
    assert_eq!(grants(), serde_json::json!({ "loaded": 1 }));
    world.home().write("secrets.grants.toml", &format!("{}colour = \"red\"\n", grant()));
    let told = until("it is refused", || grants()["refused"].as_str().map(str::to_owned));
    assert!(told.contains("line 8") && told.contains("unknown field"), "{told}");
    let shown = world.ugent(&["broker", "status"]).run().succeeded().stdout;
    assert!(shown.contains("grants: refused, so everything is denied: "), "{shown}");
    let refused = world.events("grants.refused");
    assert_eq!((refused.len(), &refused[0]["reason"]), (1, &"grants_unusable".into()));
    is_denied(&world, "grants_unusable");
    let loaded = world.events("grants.loaded").len();
    world.home().write("secrets.grants.toml", &grant());
    until("it is in force", || (grants()["loaded"] == 1).then_some(()));
    assert_eq!(world.events("grants.loaded").len(), loaded + 1);
}

#[test]
fn an_unknown_field_denies_everything() {
    denies(Some(&format!("{}colour = \"red\"\n", grant())), "grants_unusable");
}

#[test]
fn one_bad_grant_spoils_the_good_ones() {
    let bad = grant().replace("300", "\"soon\"");
    denies(Some(&format!("{}{bad}", grant())), "grants_unusable");
}

#[test]
fn a_missing_host_list_with_header_injection_denies_everything() {
    denies(Some(&grant().replace("allowed_hosts = [\"localhost\"]\n", "")), "grants_unusable");
}

#[test]
fn another_consumer_secret_host_purpose_or_delivery_is_not_granted() {
    let wrong = [
        World::grant_of("openai_api_key", "cli", "localhost", 300),
        World::grant_of("another_key", "ugent-core", "localhost", 300),
        World::grant_of("openai_api_key", "ugent-core", "api.openai.com", 300),
        grant().replace("llm.chat\", \"", ""),
        grant().replace("http_header_inject", "native"),
    ];
    for grants in &wrong {
        let world = World::ready();
        world.home().write("secrets.grants.toml", grants);
        let _broker = world.broker();
        let answer = world.ask(&Ask::chat());
        assert_eq!((answer.status, answer.refusal()), (403, Some("not_granted")), "{grants}");
        assert!(world.standin().log().all().is_empty());
    }
}

#[test]
fn a_file_that_others_may_write_denies_everything() {
    for mode in [0o620, 0o602, 0o666] {
        let world = World::ready();
        world.home().chmod("secrets.grants.toml", mode);
        let _broker = world.broker();
        is_denied(&world, "grants_unusable");
    }
}

#[test]
fn a_link_in_the_place_of_the_file_denies_everything() {
    let world = World::ready();
    let path = world.home().path().join("secrets.grants.toml");
    let elsewhere = world.home().around().join("grants.toml");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let _broker = world.broker();
    is_denied(&world, "grants_unusable");
}

#[test]
fn a_secret_of_another_provider_is_never_sent() {
    let world = World::with_vault();
    world.home().write("secrets.grants.toml", &grant());
    for provider in ["jina", "generic"] {
        let call = world.ugent(&["add", HANDLE, "--provider", provider, "--stdin"]);
        drop(call.typing(world.key()).run().succeeded());
        let broker = world.broker();
        assert_eq!(world.ask(&Ask::chat()).status, 403, "a {provider} secret does not go to openai");
        assert!(world.standin().log().all().is_empty());
        let _ = broker.stop().succeeded();
        drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());
    }
}

#[test]
fn a_secret_a_client_names_must_be_granted_too() {
    let world = World::ready();
    world.add("@second", &tests::world::key());
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat().header("x-ugent-secret", HANDLE)).status, 200);
    let seen = world.standin().log().all();
    assert_eq!(seen[0].header("x-ugent-secret").count(), 0, "the header is removed");
    assert_eq!(world.ask(&Ask::chat().header("x-ugent-secret", "@second")).status, 403);
    assert_eq!(world.ask(&Ask::chat().header("x-ugent-secret", "not a handle")).status, 400);
}

#[test]
fn values_that_cannot_stand_in_a_header_are_not_sent() {
    for value in ["short", "with a space in it, long enough", "with-\u{e4}-umlaut-long-enough"] {
        let world = World::with_vault();
        world.add(HANDLE, value);
        world.home().write("secrets.grants.toml", &grant());
        let _broker = world.broker();
        let answer = world.ask(&Ask::chat());
        assert_eq!((answer.status, answer.refusal()), (403, Some("value_not_injectable")));
        assert!(world.standin().log().all().is_empty());
    }
}

#[test]
fn check_names_place_and_mend_of_each_mistake_and_ends_with_78() {
    let world = World::ready();
    let path = world.home().path().join("secrets.grants.toml").display().to_string();
    for (bad, place, mend) in [
        (format!("{}colour = 1\n", grant()), "8:1", "README"),
        (format!("{}ttl_secs = 1\n", grant()), "8:1", "keep one"),
        (grant().replace("300", "\"300\""), "7:12", "ttl_secs = 300"),
        (grant().replace("[\"localhost\"]", "[]"), "6:17", "allowed_hosts = ["),
        (grant().replace("localhost", "https://x"), "6:18", "allowed_hosts = ["),
        (grant().replace("300", "0"), "7:12", "ttl_secs = 300"),
        (grant().replace("300", "86401"), "7:12", "ttl_secs = 300"),
        (format!("{}not_after = \"soon\"\n", grant()), "8:13", "2026-12-31"),
        (format!("{}approval = \"never\"\n", grant()), "8:12", "approval = \"each-lease\""),
        (format!("{}approval_secs = 60\n", grant()), "8:17", "approval = \"each-lease\""),
    ] {
        world.home().write("secrets.grants.toml", &bad);
        let told = world.ugent(&["grant", "check"]).run();
        assert!(
            told.stderr.lines().any(|line| line.starts_with("hint: ") && line.contains(mend)),
            "{}",
            told.stderr
        );
        told.refused(78, &[&format!("{path}:{place}: ")]);
        world.ugent(&["grant", "list"]).run().refused(78, &[&format!("{path}:{place}: ")]);
    }
    let new = world.home().around().join("new.toml");
    std::fs::write(&new, "[[providers]]\nid = \"openai\"\nbase_url = \"ftp://x\"\n").unwrap();
    let new = new.display().to_string();
    world.ugent(&["grant", "check", "--providers", &new]).run().refused(78, &[&format!("{new}:3:12: ")]);
}

#[test]
fn add_leaves_a_file_alone_that_would_be_refused() {
    let world = World::ready();
    let add = |more: &[&str]| {
        let mut arguments =
            vec!["grant", "add", "--secret", HANDLE, "--consumer", "x", "--purpose", "llm.chat"];
        arguments.extend(more);
        world.ugent(&arguments).run()
    };
    let before = world.home().deposits();
    add(&["--delivery", "http_header_inject"]).refused(65, &["was not changed", "allowed_hosts"]);
    add(&["--delivery", "native", "--path", "v1"]).refused(65, &["was not changed"]);
    add(&["--delivery", "native", "--ttl", "2d"]).refused(65, &["was not changed", "86400"]);
    add(&["--delivery", "email"]).refused(65, &["delivery"]);
    add(&["--delivery", "native", "--not-after", "soon"]).refused(64, &["--not-after"]);
    assert!(world.home().deposits() == before, "nothing was written");
    world.home().write("secrets.grants.toml", "[[grants]\n");
    let before = world.home().deposits();
    add(&["--delivery", "native"]).refused(78, &["secrets.grants.toml:1:"]);
    assert!(world.home().deposits() == before, "nor over a file that is not understood");
}
