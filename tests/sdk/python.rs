//! Each test runs one script of this folder in the environment that `tests/run` made.

use std::path::Path;
use std::process::Command;

use tests::standin::WORDS;
use tests::world::{Outcome, Running, World};

/// Runs a script against a broker of its own.
fn run(script: &str) -> Outcome {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join(".venv/bin/python");
    assert!(python.exists(), "the Python SDK is not installed: run ./tests/run");
    let world = World::ready();
    let broker = world.broker();
    let mut command = Command::new(python);
    command
        .env_clear()
        .env("GATEWAY_URL", format!("http://127.0.0.1:{}/proxy/openai/v1", world.port()))
        .env("GATEWAY_SOCKET", world.home().gateway_socket())
        .env("TOKEN_FILE", world.home().path().join("secrets/broker.token"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(here.join("sdk").join(script));
    let outcome = Running::start(command, Vec::new()).outcome().succeeded();
    let _ = broker.stop().succeeded();
    outcome
}

fn pieces() -> String {
    WORDS.iter().map(|word| format!("{word}|")).collect()
}

#[test]
fn a_plain_chat_completion() {
    assert_eq!(run("chat.py").stdout.trim_end(), WORDS.concat());
}

#[test]
fn a_streamed_chat_completion() {
    assert_eq!(run("chat_streamed.py").stdout.trim_end(), pieces());
}

#[test]
fn a_streamed_chat_completion_over_the_unix_socket_without_a_token() {
    assert_eq!(run("chat_socket.py").stdout.trim_end(), pieces());
}

#[test]
fn a_response_plain_and_streamed() {
    assert_eq!(run("responses.py").stdout.trim_end(), format!("{}\n{}", WORDS.concat(), pieces()));
}

#[test]
fn an_embedding_in_base64() {
    assert_eq!(run("embeddings.py").stdout.trim_end(), "[0.5, -0.25, 0.125, 1.0]");
}

#[test]
fn a_refusal_is_an_exception_of_the_sdk() {
    assert_eq!(run("refused.py").stdout.trim_end(), "401 invalid_token");
}
