//! `grant list`, `check`, `add` and `explain`: what is said is what keeperd does.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::json;
use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{Layout, Outcome, World};

/// Runs the claim twice: without a broker, and with one.
fn with_both_keepers(claim: impl Fn(&World)) {
    claim(&World::ready());
    let world = World::ready();
    let broker = world.broker();
    claim(&world);
    let _ = broker.stop().succeeded();
}

fn explained(world: &World, secret: &str, purpose: &str, host: &str, more: &[&str]) -> Outcome {
    let mut arguments = vec!["grant", "explain", "--consumer", "ugent-core", "--secret", secret];
    arguments.extend(["--purpose", purpose, "--host", host, "--delivery", "http_header_inject"]);
    arguments.extend(more);
    world.ugent(&arguments).run()
}

fn place(world: &World, line: u32) -> String {
    format!("{}:{line}", world.home().path().join("secrets.grants.toml").display())
}

const ADD: [&str; 14] = [
    "grant",
    "add",
    "--secret",
    "@openai_api_key",
    "--consumer",
    "context-engine",
    "--purpose",
    "llm.embeddings",
    "--delivery",
    "http_header_inject",
    "--host",
    "localhost",
    "--ttl",
    "5m",
];

#[test]
fn list_shows_each_grant_with_its_line_and_every_field() {
    with_both_keepers(|world| {
        let rest = "methods = [\"POST\"]\npaths = [\"/v1/x/**\"]\nnot_after = 2099-12-31\n\
                    max_requests_per_minute = 60\nmax_concurrent = 4\n";
        world.home().write("secrets.grants.toml", &format!("# ours\n{}\n{0}{rest}", world.grant()));
        until_true("both are in force", || {
            world.json(&["grant", "list", "--json"]).as_array().is_some_and(|rows| rows.len() == 2)
        });
        let listed = world.json(&["grant", "list", "--json"]);
        assert_eq!((&listed[0]["line"], &listed[1]["line"]), (&json!(2), &json!(10)));
        assert_eq!(listed[0]["secret_ref"], "@openai_api_key");
        assert_eq!(listed[0]["methods"], json!(null));
        assert_eq!(listed[1]["paths"], json!(["/v1/x/**"]));
        assert_eq!(listed[1]["not_after"], "2100-01-01T00:00:00Z");
        assert_eq!(
            (&listed[1]["max_requests_per_minute"], &listed[1]["max_concurrent"]),
            (&json!(60), &json!(4))
        );
        let told = world.ugent(&["grant", "list"]).run().succeeded().stdout;
        assert_eq!(told.lines().count(), 2);
        assert!(told.contains("methods=POST paths=/v1/x/** not_after=2100-01-01T00:00:00Z"), "{told}");
    });
}

#[test]
fn a_thousand_grants_are_listed_page_by_page() {
    let world = World::ready();
    world.home().write("secrets.grants.toml", &world.grant().repeat(1000));
    let listed = world.json(&["grant", "list", "--json"]);
    let lines: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (0..1000).map(|n| 7 * n + 1).collect::<Vec<_>>());
}

#[test]
fn check_says_good_of_good_files_in_use_and_of_one_that_is_to_be() {
    with_both_keepers(|world| {
        let told = world.ugent(&["grant", "check"]).run().succeeded().stdout;
        assert!(told.contains("secrets.grants.toml: good, 1 grants"), "{told}");
        assert!(told.contains("secrets.providers.toml: good, 15 providers"), "{told}");
        let new = world.home().around().join("new.toml");
        // Longer than a frame, so it is sent in parts.
        fs::write(&new, format!("{}# ä{}\n", world.grant().repeat(300), "ö".repeat(40_000))).unwrap();
        let told = world.ugent(&["grant", "check", &new.display().to_string()]).run().succeeded().stdout;
        assert!(told.contains("good, 300 grants"), "{told}");
    });
}

#[test]
fn an_added_grant_counts_and_the_rest_of_the_file_stays_as_it_was() {
    let world = World::ready();
    let before = format!("# keep me\n{}\n# and me\n", world.grant().replace(" = ", "   = "));
    world.home().write("secrets.grants.toml", &before);
    let _broker = world.broker();
    let token = world.issued("context-engine");
    let ask = || {
        let body = json!({ "model": "m", "input": "x" });
        let ask = Ask::post("/proxy/openai/v1/embeddings", &body).bearer(&token);
        world.tcp().ask(&ask).unwrap().status
    };
    assert_eq!(ask(), 403);
    drop(world.ugent(&ADD).run().succeeded());
    until_true("the grant counts", || ask() == 200);
    let path = world.home().path().join("secrets.grants.toml");
    let after = fs::read_to_string(&path).unwrap();
    let kept = before.trim_end().strip_suffix("# and me").unwrap();
    assert!(after.starts_with(kept.trim_end()) && after.contains("# and me"), "{after}");
    assert!(after.contains("consumer = \"context-engine\"") && after.contains("ttl_secs = 300"), "{after}");
    let mode = match world.layout() {
        Layout::OneUser => 0o600,
        Layout::System => 0o640,
    };
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    assert!(!world.home().path().join("secrets.grants.toml.new").exists());
}

#[test]
fn add_makes_the_file_where_there_is_none() {
    let world = World::ready();
    fs::remove_file(world.home().path().join("secrets.grants.toml")).unwrap();
    let more = [
        "--method",
        "POST",
        "--path",
        "/v1/files/{id}",
        "--not-after",
        "2099-12-31",
        "--max-concurrent",
        "2",
        "--max-requests-per-minute",
        "30",
    ];
    drop(world.ugent(&[&ADD[..], &more].concat()).run().succeeded());
    let listed = world.json(&["grant", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["paths"], json!(["/v1/files/{id}"]));
    assert_eq!(listed[0]["not_after"], "2100-01-01T00:00:00Z");
    assert_eq!(listed[0]["max_requests_per_minute"], json!(30));
}

#[test]
fn explain_names_the_line_that_allows() {
    with_both_keepers(|world| {
        let told = explained(world, "@openai_api_key", "llm.chat", "localhost", &[]).succeeded().stdout;
        assert!(told.starts_with(&format!("allowed by {}", place(world, 1))), "{told}");
    });
}

#[test]
fn explain_names_the_nearest_grant_and_the_one_element_that_did_not_match() {
    with_both_keepers(|world| {
        let other = World::grant_of("openai_api_key", "somebody", "elsewhere.example", 300);
        let narrow = world.grant().replace("llm.chat\", \"", "") + "paths = [\"/v1/embeddings\"]\n";
        world.home().write("secrets.grants.toml", &format!("{other}{narrow}"));
        until_true("it is in force", || {
            world.json(&["grant", "list", "--json"]).as_array().is_some_and(|rows| rows.len() == 2)
        });
        let at = place(world, 8);
        for (purpose, host, path, field) in [
            ("llm.embeddings", "api.openai.com", "/v1/embeddings", "allowed_hosts"),
            ("llm.chat", "localhost", "/v1/embeddings", "purposes"),
            ("llm.embeddings", "localhost", "/v1/responses", "paths"),
        ] {
            let told =
                explained(world, "@openai_api_key", purpose, host, &["--path", path]).ended_with(77).stdout;
            assert!(told.contains(&format!("the nearest grant is {at}, but for its {field}")), "{told}");
        }
        let told =
            explained(world, "@openai_api_key", "llm.embeddings", "localhost", &[]).ended_with(77).stdout;
        assert!(told.contains("--path /v1"), "it says what was not said: {told}");
        let more = ["--path", "/v1/embeddings", "--json"];
        let told =
            explained(world, "@openai_api_key", "llm.embeddings", "localhost", &more).succeeded().stdout;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["allowed"], &told["line"]), (&json!(true), &json!(8)));
    });
}
