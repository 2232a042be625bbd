//! A broker whose providers are all the stand-in, each below a path of its own, and three tokens to
//! try it with.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::world::{Outcome, Running, World};

/// Where the tests are, and the environment that `tests/run` made.
pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of that environment.
pub(crate) fn program(name: &str) -> PathBuf {
    let program = here().join(".venv/bin").join(name);
    assert!(program.exists(), "the SDKs are not installed: run ./tests/run");
    program
}

/// Runs a script that uses those providers; what it prints, line by line.
pub(crate) fn run(script: &str, providers: &[&str]) -> Vec<String> {
    let world = World::with_vault();
    set_up(&world, providers);
    let good = world.issued("ugent-core");
    let narrow = world.issued("narrow");
    let revoked = revoked(&world);
    let broker = world.broker();
    let (mut command, path) = match script.rsplit_once('.') {
        Some((_, "py")) => (Command::new(program("python")), here().join("sdk/matrix").join(script)),
        Some((_, "mjs")) => (Command::new(program("node")), here().join("sdk/node").join(script)),
        _ => (Command::new("sh"), here().join("sdk/matrix").join(script)),
    };
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", world.home().workspace())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Not asked for: nothing here may look for the machine's own settings, or for news.
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("GATEWAY", format!("http://127.0.0.1:{}", world.port()))
        .env("GOOD", &good)
        .env("REVOKED", &revoked)
        .env("NARROW", &narrow)
        .arg(path);
    let outcome: Outcome = Running::start(command, Vec::new()).outcome().succeeded();
    let _ = broker.stop().succeeded();
    no_token_went_on(&world, &[&good, &narrow, &revoked]);
    outcome.stdout.lines().map(str::to_owned).collect()
}

fn set_up(world: &World, providers: &[&str]) {
    let (mut table, mut grants) = (String::new(), String::new());
    let port = world.standin().port();
    let ca = world.home().path().join("ca.pem");
    for id in providers {
        table.push_str(&format!(
            "[[providers]]\nid = \"{id}\"\nbase_url = \"https://localhost:{port}/{id}\"\nca_file = \"{}\"\n\
             allow_private = true\n",
            ca.display()
        ));
        // Of one that takes no credential, the grant names the provider itself.
        let secret = if *id == "ollama" { (*id).to_owned() } else { format!("{id}_key") };
        for (consumer, purposes) in [
            ("ugent-core", r#""llm.chat", "llm.embeddings", "llm.rerank", "llm.files""#),
            ("narrow", r#""llm.video""#),
        ] {
            grants.push_str(&format!(
                "[[grants]]\nsecret_ref = \"{secret}\"\nconsumer = \"{consumer}\"\npurposes = [{purposes}]\n\
                 delivery = [\"http_header_inject\"]\nallowed_hosts = [\"localhost\"]\nttl_secs = 300\n"
            ));
        }
    }
    world.home().write("secrets.providers.toml", &table);
    world.home().write("secrets.grants.toml", &grants);
    for id in providers.iter().filter(|id| **id != "ollama") {
        let call = world.ugent(&["add", &format!("@{id}_key"), "--provider", id, "--stdin"]);
        drop(call.typing(format!("{}\n", world.key())).run().succeeded());
    }
}

fn revoked(world: &World) -> String {
    let token = world.issued("gone");
    let listed = world.json(&["token", "list", "--json"]);
    let rows = listed.as_array().expect("a list").iter();
    let row = rows.clone().find(|row| row["consumer"] == "gone").expect("it was issued");
    let id = row["id"].as_str().expect("it has an id");
    drop(world.ugent(&["token", "revoke", id]).run().succeeded());
    token
}

/// The stand-in has remembered whole requests.
fn no_token_went_on(world: &World, tokens: &[&String]) {
    for seen in world.standin().log().all() {
        let headers = seen.headers.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let all: Vec<String> = headers.chain([seen.path.clone(), seen.query.clone()]).collect();
        assert!(tokens.iter().all(|token| all.iter().all(|text| !text.contains(token.as_str()))), "{seen:?}");
    }
}
