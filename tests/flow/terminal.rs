//! At a terminal: what is secret is asked for without echo, and what is shown is laid out.
//!
//! `script` of util-linux gives the command a terminal and types into it.

use std::process::Command;

use tests::world::until::until_true;
use tests::world::{HANDLE, Outcome, Running, World};

/// Runs `ugent secret …` at a terminal; types each line when the output ends with its prompt.
fn at_a_terminal(world: &World, command: &str, lines: &[(&str, &str)]) -> Outcome {
    let ugent = tests::world::Binaries::of_this_build().path("ugent");
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{} secret {command}", ugent.display()))
        .arg("/dev/null")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("UGENT_HOME", world.home().path())
        .current_dir(world.home().workspace());
    let mut running = Running::open(script);
    let mut known = 0;
    for (prompt, line) in lines {
        until_true(&format!("it asks for {prompt}"), || {
            let said = running.stdout();
            let new = said.get(known..).unwrap_or_default();
            new.to_lowercase().contains(prompt)
                && [":", "[y/N]"].iter().any(|end| new.trim_end().ends_with(end))
        });
        known = running.stdout().len();
        running.type_line(line);
    }
    running.outcome()
}

#[test]
fn the_passphrase_is_asked_for_and_not_shown() {
    let world = World::of_one_user();
    let asked = [("passphrase", world.passphrase())];
    let told = at_a_terminal(&world, "remove @openai_api_key --yes", &asked).succeeded();
    assert!(!told.stdout.contains(world.passphrase()), "and does not show: {}", told.stdout);
    assert!(world.handles().is_empty());
}

#[test]
fn a_new_vaults_passphrase_is_asked_for_twice_and_must_be_the_same() {
    let world = World::bare_of_one_user();
    let told =
        at_a_terminal(&world, "init", &[("passphrase", "one passphrase"), ("again", "another passphrase")]);
    assert_ne!(told.code, Some(0), "{}", told.stdout);
    assert!(!world.home().path().join("secrets/vault/header").exists());
    let same = [("passphrase", world.passphrase()), ("again", world.passphrase())];
    drop(at_a_terminal(&world, "init", &same).succeeded());
    world.add(HANDLE, world.key());
}

#[test]
fn rekey_asks_for_the_old_passphrase_once_and_for_the_new_one_twice() {
    let world = World::of_one_user();
    let old = ("passphrase of the vault", world.passphrase());
    let new = |again| [old, ("new passphrase", "another passphrase"), ("again", again)];
    let told = at_a_terminal(&world, "rekey", &new("mistyped"));
    assert_ne!(told.code, Some(0), "{}", told.stdout);
    let told = at_a_terminal(&world, "rekey", &new("another passphrase")).succeeded();
    assert!(!told.stdout.contains("another passphrase"), "and does not show: {}", told.stdout);
    drop(at_a_terminal(&world, "rekey", &[old]).ended_with(77));
}

#[test]
fn import_asks_before_it_stores_and_before_it_rewrites() {
    let world = World::of_one_user();
    let path = world.home().workspace().join(".env");
    let (text, rewritten) = ("JINA_API_KEY=jina_0123456789abcdef\n", "JINA_API_KEY=@jina_api_key\n");
    std::fs::write(&path, text).unwrap();
    let refused = at_a_terminal(&world, "import --env-file .env", &[("import these 1", "n")]);
    drop(refused.ended_with(77));
    assert_eq!(world.handles(), [HANDLE]);
    let passphrase = ("passphrase", world.passphrase());
    let asked = [("import these 1", "y"), passphrase, ("put references", "y")];
    let told = at_a_terminal(&world, "import --env-file .env", &asked).succeeded();
    assert!(!told.stdout.contains("0123456789abcdef"), "and shows no value: {}", told.stdout);
    assert_eq!(world.handles(), ["@jina_api_key", HANDLE]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), rewritten);
}

#[test]
fn backup_asks_for_a_passphrase_of_its_own_twice_and_restore_for_both() {
    let (world, empty) = (World::of_one_user(), World::bare_of_one_user());
    let path = world.home().around().join("backup");
    let vaults = ("passphrase of the vault", world.passphrase());
    let own = |again| [vaults, ("passphrase for the backup", "its own"), ("again", again)];
    let command = format!("backup {}", path.display());
    drop(at_a_terminal(&world, &command, &own("mistyped")).ended_with(65));
    assert!(!path.exists());
    drop(at_a_terminal(&world, &command, &own("its own")).succeeded());
    let asked =
        [("passphrase of the backup", "its own"), ("passphrase for the new vault", "n"), ("again", "n")];
    let told = at_a_terminal(&empty, &format!("restore {}", path.display()), &asked).succeeded();
    assert!(!told.stdout.contains("its own"), "{}", told.stdout);
    assert_eq!(empty.handles(), [HANDLE]);
}

#[test]
fn list_is_an_aligned_table_with_a_head() {
    let world = World::of_one_user();
    drop(world.ugent(&["add", "@a", "--stdin"]).typing("0123456789").run().succeeded());
    let told = at_a_terminal(&world, "list", &[]).succeeded().stdout;
    let lines: Vec<&str> = told.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 3, "a head and two rows: {told}");
    let kind = lines[0].find("KIND").expect("a column");
    for row in &lines[1..] {
        assert_eq!(row.rfind("api_key"), Some(kind), "{told}");
    }
}

#[test]
fn audit_shows_the_last_fifty() {
    let world = World::of_one_user();
    for _ in 0..30 {
        world.rotate(HANDLE, &tests::world::key());
    }
    assert!(world.audit(&[]).len() > 51);
    let told = at_a_terminal(&world, "audit", &[]).succeeded().stdout;
    let rows = told
        .lines()
        .filter(|line| line.contains("secret.rotated") || line.contains("vault.unlocked"))
        .count();
    assert!((48..=50).contains(&rows), "{rows} rows: {told}");
}
