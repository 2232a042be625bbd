//! `config check`: what stands in files of programs, told without repeating it.

use std::fs;

use tests::world::{HANDLE, Outcome, World};

use crate::ground::{grant, ready};

fn check(world: &World, name: &str, text: &str) -> Outcome {
    let path = world.home().workspace().join(name);
    fs::write(&path, text).unwrap();
    world.ugent(&["config", "check", path.to_str().unwrap()]).run()
}

#[test]
fn plain_text_is_told_by_its_place_and_never_repeated() {
    let world = ready();
    for (name, text, place) in [
        (
            "a.toml",
            "[llm.instances.openai]\ntype = \"openai\"\napi_key = \"%V%\"\n",
            "a.toml:3: llm.instances.openai: api_key:",
        ),
        ("b.env", "MODE=x\nexport OPENAI_API_KEY=%V%\n", "b.env:2: OPENAI_API_KEY:"),
        (
            "c.yaml",
            "services:\n  web:\n    environment:\n      - DB_PASSWORD=%V%\n",
            "c.yaml:4: DB_PASSWORD:",
        ),
        ("d.json", "{\n  \"mcpServers\": { \"x\": { \"args\": [\"--token\", \"%V%\"] } }\n}\n", "d.json:2:"),
        ("e.json", "{ \"url\": \"https://x.example/?key=%V%\" }", "e.json:1:"),
        ("f.txt", "whatever %V%\n", "f.txt:1:"),
    ] {
        let told = check(&world, name, &text.replace("%V%", world.key())).ended_with(65);
        assert!(told.stdout.contains(place) && told.stdout.contains("plain text"), "{name}: {}", told.stdout);
        for said in [&told.stdout, &told.stderr] {
            assert!(!said.contains(world.key()), "{said}");
        }
        told.refused(65, &[name]);
    }
}

#[test]
fn a_reference_is_looked_up_and_judged() {
    let world = ready();
    let text = format!("[llm.instances.openai]\napi_key_ref = \"{HANDLE}\"\nmax_tokens = 100\n");
    let told = check(&world, "a.toml", &text).succeeded().stdout;
    assert!(told.contains("a.toml:2: llm.instances.openai: api_key_ref: from the vault"), "{told}");
    assert!(told.contains("not granted to ugent-core for llm.chat by native"), "{told}");
    world.home().write("secrets.grants.toml", &grant(HANDLE, "ugent-core", "llm.chat", "native"));
    let told = check(&world, "a.toml", &text).succeeded().stdout;
    assert!(told.contains("granted to ugent-core by line 1"), "{told}");
    let told = check(&world, "a.toml", "api_key_ref = \"@nope\"\n").ended_with(65).stdout;
    assert!(told.contains("there is no @nope"), "{told}");
    let told = check(&world, "a.env", "KEY=$OTHER\nAPI_KEY=${OTHER}\n").succeeded().stdout;
    assert!(told.contains("a.env:2: API_KEY: from the environment"), "{told}");
}

#[test]
fn a_file_that_cannot_be_looked_through_is_an_error() {
    let world = ready();
    world.ugent(&["config", "check", "/nonexistent/x.toml"]).run().refused(65, &["/nonexistent/x.toml"]);
    let _ = check(&world, "binary", "\u{0}\u{1}\n\u{fffd}").succeeded();
}
