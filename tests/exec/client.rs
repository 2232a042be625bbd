//! The client crate, in a program that is its documented example, and in this one.

use tests::world::{Binaries, HANDLE, Outcome, Running, World};
use ugent_client::{Client, Handle, Instance, Purpose, Value};

use crate::ground::{grant, ready};

/// Runs the example.
fn example(world: &World, arguments: &[&str], key: Option<&str>) -> Outcome {
    let mut command = std::process::Command::new(Binaries::of_this_build().beside("client-example"));
    command.args(arguments).env_clear().env("UGENT_HOME", world.home().path());
    command.envs(key.map(|key| ("OPENAI_API_KEY", key)));
    Running::start(command, Vec::new()).outcome()
}

#[test]
fn the_example_gets_the_value_of_a_reference_and_says_so_without_it() {
    let world = ready();
    world.home().write("secrets.grants.toml", &grant(HANDLE, "ugent-core", "llm.chat", "native"));
    let broker = world.broker();
    for reference in [HANDLE, HANDLE.trim_start_matches('@')] {
        let told = example(&world, &[reference], Some("sk-of-the-environment")).succeeded();
        assert_eq!(told.stderr.trim_end(), format!("{} bytes for openai", world.key().len()));
    }
    let used = world.events("lease.used");
    assert_eq!(used.len(), 2);
    assert_eq!((&used[0]["delivery"], &used[0]["consumer"]), (&"native".into(), &"ugent-core".into()));
    drop(broker.stop().succeeded());
}

#[test]
fn a_reference_that_cannot_be_resolved_is_an_error_whatever_else_there_is() {
    let world = ready();
    let key = Some("sk-of-the-environment");
    example(&world, &[HANDLE], key).refused(69, &["llm.instances.openai", HANDLE]);
    let broker = world.broker();
    example(&world, &[HANDLE], key).refused(77, &["llm.instances.openai", HANDLE, "not_granted"]);
    example(&world, &["No Handle"], key).refused(65, &["llm.instances.openai"]);
    drop(broker.stop().succeeded());
    let told = example(&world, &[], key).succeeded();
    assert_eq!(told.stderr.trim_end(), "21 bytes for openai");
    example(&world, &[], None).refused(78, &["llm.instances.openai", "OPENAI_API_KEY"]);
}

#[test]
fn with_a_token_it_is_the_consumer_that_the_token_was_issued_to() {
    let world = ready();
    world.home().write("secrets.grants.toml", &grant(HANDLE, "context-engine", "llm.chat", "native"));
    let broker = world.broker();
    let token = world.issued("context-engine");
    let client = || Client::new(world.home().path());
    let instance = Instance { api_key_ref: Some(HANDLE), ..Instance::named("openai") };
    let with_token = client().with_token(Value::copied(token.as_bytes()).ok().unwrap());
    let value = with_token.resolve_api_key(&instance).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(value.expose(), world.key().as_bytes());
    // A rotation counts from the next time it is asked for.
    world.rotate(HANDLE, "sk-another-key");
    assert_eq!(with_token.resolve_api_key(&instance).ok().unwrap().expose_text(), Some("sk-another-key"));

    let refused = client().resolve_api_key(&instance).err().expect("ugent-core may not");
    assert!(refused.what.contains("ugent-core") && refused.what.contains(HANDLE), "{refused}");
    let wrong = client().with_token(Value::copied(b"ugent_wrong").ok().unwrap());
    let (handle, purpose) = (Handle::parse(HANDLE).unwrap(), Purpose::parse("llm.chat").unwrap());
    assert!(wrong.lend(&handle, &purpose).err().unwrap().what.contains("invalid_token"));
    drop(broker.stop().succeeded());
}

#[test]
fn a_home_that_others_may_look_into_is_shown_no_token() {
    let world = ready();
    let broker = world.broker();
    world.home().chmod("secrets", 0o755);
    let instance = Instance { api_key_ref: Some(HANDLE), ..Instance::named("openai") };
    let refused = Client::new(world.home().path()).resolve_api_key(&instance).err().unwrap();
    assert_eq!(refused.class.exit_code(), 78, "{refused}");
    world.home().chmod("secrets", 0o700);
    drop(broker.stop().succeeded());
}
