//! The secrets of a `.env` file, and references in their place.

use std::fs;
use std::path::PathBuf;

use tests::world::http::Ask;
use tests::world::{HANDLE, Outcome, World, key};

fn written(world: &World, text: &str) -> PathBuf {
    let path = world.home().workspace().join(".env");
    fs::write(&path, text).unwrap();
    path
}

fn import(world: &World, options: &[&str]) -> Outcome {
    world.ugent(&[&["import", "--env-file", ".env"], options].concat()).run()
}

#[test]
fn names_become_handles_and_the_file_gets_references() {
    let (world, other) = (World::with_vault(), key());
    let text = format!(
        "# keys of ours\nexport OPENAI_API_KEY=\"{}\"  # of the team\nPORT=80\n\nDB_PASSWORD='{other}'\n",
        world.key()
    );
    let path = written(&world, &text);
    let broker = world.broker();
    let told = import(&world, &["--yes", "--rewrite"]).succeeded();
    for value in [world.key(), &other] {
        assert!(!told.stdout.contains(value) && !told.stderr.contains(value));
    }
    assert!(
        told.stdout.contains("OPENAI_API_KEY  -> @openai_api_key  provider openai, kind api_key"),
        "{}",
        told.stdout
    );
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        "# keys of ours\nexport OPENAI_API_KEY=@openai_api_key  # of the team\nPORT=80\n\nDB_PASSWORD=@db_password\n"
    );
    assert_eq!(world.handles(), ["@db_password", HANDLE]);
    assert_eq!(world.events("secret.added").len(), 2);
    world.home().write("secrets.grants.toml", &world.grant());
    tests::world::until::until_true("it is granted", || world.ask(&Ask::chat()).status == 200);
    assert!(import(&world, &["--yes"]).succeeded().stdout.contains("nothing to import"));
    let _ = broker.stop().succeeded();
}

#[test]
fn without_a_yes_the_plan_is_shown_and_nothing_is_done() {
    let world = World::with_vault();
    let text = format!("OPENAI_API_KEY={}\n", world.key());
    let path = written(&world, &text);
    let told = import(&world, &[]);
    assert!(told.stdout.contains("@openai_api_key") && !told.stdout.contains(world.key()), "{}", told.stdout);
    told.refused(64, &["no terminal to ask on"]);
    assert!(world.handles().is_empty());
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn one_name_that_is_taken_keeps_all_out_until_it_is_excepted() {
    let world = World::ready();
    let path = written(&world, &format!("A_KEY={}\nOPENAI_API_KEY={}\nB_TOKEN={}\n", key(), key(), key()));
    import(&world, &["--yes"]).refused(65, &["@openai_api_key (line 2) exists already"]);
    assert_eq!(world.handles(), [HANDLE]);
    drop(import(&world, &["--yes", "--except", "OPENAI_API_KEY"]).succeeded());
    assert_eq!(world.handles(), ["@a_key", "@b_token", HANDLE]);
    assert!(!fs::read_to_string(path).unwrap().contains('@'), "not without --rewrite");
}

#[test]
fn what_is_chosen_is_taken_and_only_that() {
    let world = World::with_vault();
    let _ = written(&world, "PLAIN=some text\nA_KEY=one\nB_KEY=two\nEMPTY_KEY=\n");
    drop(import(&world, &["--yes", "--only", "PLAIN", "--only", "A_KEY"]).succeeded());
    assert_eq!(world.handles(), ["@a_key", "@plain"]);
    import(&world, &["--yes", "--only", "NOT_THERE"])
        .refused(64, &["a variable that the file does not have"]);
    drop(import(&world, &["--yes", "--all", "--except", "PLAIN", "--except", "A_KEY"]).succeeded());
    assert_eq!(world.handles(), ["@a_key", "@b_key", "@plain"]);
}

#[test]
fn a_file_that_is_not_understood_is_refused_by_line_without_its_text() {
    let (world, canary) = (World::with_vault(), key());
    for line in
        [&canary, &format!("A_KEY='{canary}"), &format!("A_KEY={canary}$x"), &format!("A_KEY= {canary}")]
    {
        let _ = written(&world, &format!("B_KEY=x\n{line}\n"));
        let told = import(&world, &["--yes"]);
        assert!(!told.stderr.contains(&canary) && !told.stdout.contains(&canary));
        told.refused(65, &[".env line 2: "]);
    }
    let _ = written(&world, "a_key=x\nA_KEY=y\n");
    import(&world, &["--yes"]).refused(65, &["lines 1 and 2 both make @a_key"]);
    fs::remove_file(world.home().workspace().join(".env")).unwrap();
    import(&world, &["--yes"]).refused(74, &[".env"]);
    assert!(world.handles().is_empty());
}

#[test]
fn a_vault_that_is_locked_takes_nothing() {
    let world = World::with_vault();
    let _ = written(&world, "A_KEY=one\n");
    let broker = world.locked_broker();
    import(&world, &["--yes"]).refused(77, &["locked"]);
    assert!(world.handles().is_empty());
    let _ = broker.stop().succeeded();
}
