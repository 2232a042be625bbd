//! What the program finds in its environment, and what nobody else finds anywhere.

use std::fs;

use tests::world::census::Process;
use tests::world::until::{until, until_true};
use tests::world::{HANDLE, World, key_of};

use crate::ground::{exec, grant, ready, with_key};

#[test]
fn the_program_has_the_value_and_all_else_but_what_is_ours() {
    let world = ready();
    let call = with_key(&world, &["--no-mask"], &["env"]).env("KEY", "before").env("OTHER", "a b");
    let told = call.env("UGENT_SECRETS_ANYTHING", "x").run().succeeded().stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("KEY=")).count(), 1, "{told}");
    assert!(lines.contains(&format!("KEY={}", world.key()).as_str()), "{told}");
    assert!(lines.contains(&"OTHER=a b") && lines.iter().any(|line| line.starts_with("UGENT_HOME=")));
    assert!(!told.contains("UGENT_SECRETS_"), "{told}");
}

#[test]
fn a_file_of_references_and_texts_is_read_and_needs_no_vault_without_references() {
    let world = ready();
    let path = world.home().workspace().join("refs.env");
    fs::write(&path, format!("# ours\nexport KEY={HANDLE}\nMODE=\"fast\"\nKEPT='@text'\n")).unwrap();
    let file = path.to_str().unwrap();
    let command = ["sh", "-c", "echo \"$KEY $MODE $KEPT\""];
    let told = exec(&world, &["--env-file", file, "--no-mask"], &command).run().succeeded();
    assert_eq!(told.stdout.trim_end(), format!("{} fast @text", world.key()));

    fs::write(&path, "MODE=slow\n").unwrap();
    let call = exec(&world, &["--env-file", file], &["sh", "-c", "echo $MODE"]);
    let told = call.without("UGENT_SECRETS_PASSPHRASE").run().succeeded();
    assert_eq!(told.stdout, "slow\n");
}

#[test]
fn a_hundred_variables_and_the_longest_value_arrive_whole() {
    let world = ready();
    let long = key_of(65_536);
    world.add("@long", &long);
    let grants = grant(HANDLE, "cli", "process.env", "env_inject")
        + &grant("@long", "cli", "process.env", "env_inject");
    world.home().write("secrets.grants.toml", &grants);
    let mut options = vec!["--no-mask".to_owned(), "--env".to_owned(), "LONG=@long".to_owned()];
    for number in 0..100 {
        options.extend(["--env".to_owned(), format!("V{number}={HANDLE}")]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let told = exec(&world, &options, &["env"]).run().succeeded().stdout;
    assert!(told.lines().any(|line| line == format!("LONG={long}")));
    let due = (0..100).filter(|number| told.lines().any(|line| line == format!("V{number}={}", world.key())));
    assert_eq!(due.count(), 100);
    // Masked, nothing of it is left either.
    let masked = exec(&world, &options[1..], &["sh", "-c", "printf %s \"$LONG\""]).run().succeeded().stdout;
    assert_eq!(masked, "*".repeat(65_536));
}

#[test]
fn while_it_runs_the_value_is_in_its_environment_and_nowhere_else() {
    let world = ready();
    let broker = world.broker();
    let mut running = with_key(&world, &[], &["sh", "-c", "echo ready; read -r line"]).open();
    until_true("the program runs", || running.stdout().contains("ready"));
    let program = until("it has a child", || Process::children(running.pid()).pop());
    let holds = |bytes: &[u8]| bytes.windows(world.key().len()).any(|part| part == world.key().as_bytes());
    assert!(holds(&program.proc_file("environ")), "it has what it was started for");
    let ugent = Process::find(running.pid().as_raw()).unwrap();
    let launcher = Process::find(broker.launcher().pid().as_raw()).unwrap();
    for process in [ugent, launcher].into_iter().chain(broker.children()) {
        for file in ["environ", "cmdline"] {
            assert!(!holds(&process.proc_file(file)), "{file} of {}", process.name);
        }
    }
    assert!(!holds(&program.proc_file("cmdline")));
    let files = world.home().everything();
    let found: Vec<_> =
        files.iter().filter(|(_, (_, content))| holds(content)).map(|(path, _)| path).collect();
    assert!(found.is_empty(), "{found:?}");
    running.type_line("go on");
    drop(running.outcome().succeeded());
}

#[test]
fn unmasked_the_program_takes_our_place() {
    let world = ready();
    let mut running = with_key(&world, &["--no-mask"], &["sh", "-c", "echo $$; read -r line"]).open();
    until_true("it runs", || running.stdout().ends_with('\n'));
    assert_eq!(running.stdout().trim_end(), running.pid().to_string());
    running.type_line("go on");
    drop(running.outcome().succeeded());
}

#[test]
fn stdin_and_other_descriptors_are_the_programs_own() {
    let world = ready();
    for options in [&["--no-mask"][..], &[]] {
        let line =
            with_key(&world, options, &["sh", "-c", "cat; cat <&7; test ! -e /proc/self/fd/8"]).shell_line();
        let line = line.replacen("'exec'", "--passphrase-fd 8 exec", 1);
        let script = format!("{line} 7< seventh 8< eighth");
        let directory = world.home().workspace();
        fs::write(directory.join("seventh"), "from seven").unwrap();
        fs::write(directory.join("eighth"), world.passphrase()).unwrap();
        let told = shell(&world, &script, "from stdin, ");
        assert_eq!(told.succeeded().stdout, "from stdin, from seven", "{options:?}");
    }
}

#[test]
fn each_value_is_recorded_before_it_leaves_and_its_lease_is_over_when_the_program_starts() {
    let world = ready();
    let broker = world.broker();
    drop(with_key(&world, &[], &["true"]).run().succeeded());
    let records = world.audit(&["--consumer", "cli"]);
    let events: Vec<&str> = records.iter().filter_map(|record| record["event"].as_str()).collect();
    assert_eq!(events, ["lease.issued", "lease.used", "lease.ended"]);
    for record in &records {
        assert_eq!(record["delivery"], "env_inject");
        assert_eq!(record["purpose"], "process.env");
        assert_eq!(record["secret"], HANDLE);
        assert!(record["host"].is_null(), "{record}");
    }
    assert_eq!(records[2]["reason"], "returned");
    assert!(world.json(&["lease", "list", "--json"]).as_array().unwrap().is_empty());
    let inspected = world.json(&["inspect", HANDLE, "--json"]);
    assert!(inspected["last_used"].is_string(), "{inspected}");
    drop(broker.stop().succeeded());
}

/// Runs a line in the world's own environment, less the passphrase.
pub(crate) fn shell(world: &World, line: &str, input: &str) -> tests::world::Outcome {
    let mut command = std::process::Command::new("bash");
    command
        .args(["-c", line])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("UGENT_HOME", world.home().path())
        .current_dir(world.home().workspace());
    tests::world::Running::start(command, input.as_bytes().to_vec()).outcome()
}
