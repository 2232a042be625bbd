//! `ugent secret setup` at a terminal: five answers, and a gateway that works.

use std::os::unix::fs::PermissionsExt;

use tests::world::http::Ask;
use tests::world::{HANDLE, Outcome, World};

/// A fresh home whose openai is the stand-in; its broker ends with it.
struct Ground(World);

impl Ground {
    fn fresh() -> Self {
        Self(World::bare_of_one_user())
    }

    /// Answers the questions in order; those before the provider's are the same for every fresh home.
    fn set_up(&self, rest: &[(&str, &str)]) -> Outcome {
        let own = self.0.passphrase();
        let first = [("number", ""), ("passphrase for the new vault", own), ("again", own)];
        self.0.at_terminal("setup").answering(&first).answering(rest).run()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.0.ugent(&["broker", "stop"]).run());
    }
}

#[test]
fn five_answers_make_a_gateway_that_works_and_nothing_typed_in_secret_is_shown() {
    let ground = Ground::fresh();
    let key = ground.0.key();
    let rest = [("provider", ""), ("key", key), ("consumer", ""), ("number", ""), ("send it", "")];
    let told = ground.set_up(&rest).succeeded().stdout;
    assert!(told.contains("it works: openai took the key"), "{told}");
    let line = format!("base_url=\"http://127.0.0.1:{}/proxy/openai/v1\", api_key=open(", ground.0.port());
    assert!(told.contains("from openai import OpenAI") && told.contains(&line), "{told}");
    assert!(!told.contains(key) && !told.contains(ground.0.passphrase()), "{told}");
    assert_eq!(ground.0.ask(&Ask::chat()).status, 200);
    assert_eq!(ground.0.handles(), [HANDLE]);
    for (path, (_, content)) in ground.0.home().snapshot() {
        for secret in [key, ground.0.passphrase()] {
            let is_there = content.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "what was typed is in {}", path.display());
        }
    }
}

#[test]
fn a_consumer_of_its_own_gets_a_token_of_its_own_and_may_use_what_it_was_set_up_for() {
    let ground = Ground::fresh();
    let key = ground.0.key();
    let rest = [
        ("provider", "openai"),
        ("key", key),
        ("consumer", "context-engine"),
        ("number", "2"),
        ("send it", "n"),
    ];
    let told = ground.set_up(&rest).succeeded().stdout;
    let token = ground.0.home().path().join("context-engine.token");
    assert!(told.contains("new OpenAI({ baseURL:") && told.contains(&token.display().to_string()), "{told}");
    assert!(!told.contains("took the key"), "nothing was sent: {told}");
    let mode = std::fs::metadata(&token).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let token = std::fs::read_to_string(&token).expect("it is ours").trim().to_owned();
    assert!(!told.contains(&token), "{told}");
    let ask = |token: &str| ground.0.tcp().ask(&Ask::chat().bearer(token)).expect("an answer").status;
    assert_eq!(ask(&token), 200);
    assert_eq!(ask(&ground.0.token()), 403, "and nobody else may");
}

#[test]
fn a_key_the_provider_does_not_take_is_found_by_the_trial() {
    let ground = Ground::fresh();
    let rest = [
        ("provider", "opnai"),
        ("did you mean openai", "openai"),
        ("key", "sk-mistyped-0123456789"),
        ("consumer", ""),
        ("number", "4"),
        ("send it", "y"),
    ];
    let told = ground.set_up(&rest).succeeded().stdout;
    assert!(told.contains("does not take this key (401)"), "{told}");
    assert!(told.contains("export OPENAI_BASE_URL=") && told.contains("export OPENAI_API_KEY="), "{told}");
}

#[test]
fn asked_again_it_goes_on_from_what_is_there() {
    let ground = Ground(World::of_one_user());
    let grants = || std::fs::read_to_string(ground.0.home().path().join("secrets.grants.toml"));
    let before = grants().expect("there are some");
    let answers = [
        ("passphrase of the vault", ground.0.passphrase()),
        ("provider", ""),
        ("enter for @openai_api_key", ""),
        ("consumer", ""),
        ("number", "3"),
        ("send it", "y"),
    ];
    let told = ground.0.at_terminal("setup").answering(&answers).run().succeeded().stdout;
    assert!(told.contains("it works") && told.contains("curl -H"), "{told}");
    assert_eq!(grants().expect("as before"), before, "what is granted is not granted twice");
    // And with a broker that is open nobody is asked for the passphrase.
    let again = ground.0.at_terminal("setup").answering(answers.get(1..).unwrap_or_default()).run();
    assert!(again.succeeded().stdout.contains("it works"));
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead_and_makes_nothing() {
    let world = World::bare_of_one_user();
    let before = world.home().snapshot();
    let command = format!("setsid {} </dev/null", world.ugent(&["setup"]).shell_line());
    let told = world.shell(&command).run();
    told.clone().refused(64, &["no terminal"]);
    assert!(told.stderr.contains("ugent secret init"), "{}", told.stderr);
    assert!(world.home().snapshot() == before);
}
