//! The recipes of the documents: each block that an SDK is to run, run as it stands by that SDK.

use std::path::Path;
use std::process::Command;

use tests::paste::{Block, How, blocks};
use tests::world::{Outcome, Running, World};

use super::gateway::{here, program, set_up};

/// Documents with such blocks.
const DOCUMENTS: [&str; 3] = ["README.md", "docs/quick-start.md", "docs/recipes.md"];

/// Runs a block against a broker whose only provider is that one.
fn run(block: &Block, provider: &str) -> Outcome {
    let world = World::with_vault();
    set_up(&world, &[provider]);
    let broker = world.broker();
    // The home's own token, wherever this run has it.
    world.home().write("token", &format!("{}\n", world.token()));
    let token = world.home().path().join("token").display().to_string();
    let text = block
        .text
        .replace("127.0.0.1:18443", &format!("127.0.0.1:{}", world.port()))
        .replace("/home/you/.ugent/secrets/broker.token", &token);
    let mut command = match block.language.as_str() {
        "python" => {
            let mut python = Command::new(program("python"));
            python.args(["-c", &text]);
            python
        }
        "javascript" => {
            let mut node = Command::new(program("node"));
            node.args(["--input-type=module", "--eval", &text]);
            node
        }
        other => panic!("line {}: no SDK runs {other}", block.line),
    };
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", world.home().workspace())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        // Where Node finds the packages.
        .current_dir(here().join("sdk/node"));
    let outcome = Running::start(command, Vec::new()).outcome();
    drop(broker.stop().succeeded());
    outcome
}

#[test]
fn every_recipe_does_what_it_says() {
    let mut tried = 0;
    for name in DOCUMENTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = std::fs::read_to_string(path).expect("a document");
        for block in blocks(&text) {
            let How::Sdk(provider) = &block.how else { continue };
            let told = run(&block, provider);
            let place = format!("{name}:{}", block.line);
            assert!(told.code == Some(0), "{place}: {}{}", told.stdout, told.stderr);
            assert!(!told.stdout.trim().is_empty(), "{place} prints nothing");
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried}");
}
