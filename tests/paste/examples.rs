//! Every command has an example, and each works as it stands: in a home at the stage its reader is
//! at, with what is that home's own put in (its port, an id, a directory below /srv).

use nix::sys::signal::Signal;
use tests::paste::{Example, Ground, Stage, every_command, examples};
use tests::world::until::until_true;
use tests::world::{Outcome, World};

/// The stage that a command's examples are for; where none is named: [`Stage::Ready`].
const STAGES: [(&str, Stage); 16] = [
    ("", Stage::Vault),
    ("init", Stage::Fresh),
    ("setup", Stage::Fresh),
    ("restore", Stage::Fresh),
    ("add", Stage::Vault),
    ("import", Stage::Vault),
    ("approve", Stage::Waiting),
    ("deny", Stage::Waiting),
    ("lease", Stage::Serving),
    ("lease list", Stage::Serving),
    ("lease revoke", Stage::Serving),
    ("unlock", Stage::Serving),
    ("lock", Stage::Serving),
    ("plugin run", Stage::Serving),
    ("broker stop", Stage::Serving),
    ("broker status", Stage::Serving),
];

/// Examples that need a keychain, which the test of its own has.
const ELSEWHERE: [&str; 2] = [
    "ugent secret migrate --to file-vault",
    "ugent secret migrate --to keychain --passphrase-fd 3 3< passphrase.txt",
];

/// What an example that asks is answered.
type Answers<'a> = Vec<(&'a str, &'a str)>;

/// Examples that ask at a terminal, and what is typed there.
fn answers<'a>(line: &str, passphrase: &'a str, key: &'a str) -> Option<Answers<'a>> {
    let vaults = ("passphrase of the vault", passphrase);
    let chosen = [("new passphrase", "another"), ("again", "another")];
    let own = [("passphrase for the backup", "its own"), ("again", "its own")];
    match line {
        "ugent secret setup" => Some(vec![
            ("number", ""),
            ("passphrase for the new vault", passphrase),
            ("again", passphrase),
            ("provider", ""),
            ("key", key),
            ("consumer", ""),
            ("number", ""),
            ("send it", "y"),
        ]),
        "ugent secret rekey" => Some([vec![vaults], chosen.to_vec()].concat()),
        "ugent secret backup vault-2030-01-31.backup" => Some([vec![vaults], own.to_vec()].concat()),
        "UGENT_HOME=/srv/ugent ugent secret restore vault-2030-01-31.backup" => Some(vec![
            ("passphrase of the backup", "the backup's own"),
            ("passphrase for the new vault", "new"),
            ("again", "new"),
        ]),
        "ugent secret import --env-file .env" => {
            Some(vec![("import these", "y"), ("passphrase", passphrase), ("put references", "y")])
        }
        _ => None,
    }
}

fn stage(command: &str) -> Stage {
    STAGES.iter().find(|(known, _)| *known == command).map_or(Stage::Ready, |(_, stage)| *stage)
}

/// Pastes an example; says how it went wrong, if it did.
fn paste(example: &Example) -> Option<String> {
    let line = example.line.as_str();
    if ELSEWHERE.contains(&line) {
        return None;
    }
    if line.starts_with("ugent secret plugin run") {
        run_until_told(line);
        return None;
    }
    let ground = Ground::at(stage(&example.command));
    let told = match answers(line, ground.world().passphrase(), ground.world().key()) {
        Some(answers) => ground.type_in(line).answering(&answers).run(),
        None => ground.paste(line),
    };
    let Outcome { code, signal: _, stdout, stderr } = told;
    (code != Some(0)).then(|| format!("`{line}` ends with {code:?}\nstdout: {stdout}\nstderr: {stderr}\n"))
}

#[test]
fn every_command_has_an_example_and_every_example_works_when_pasted() {
    let world = World::bare_of_one_user();
    let commands = every_command(&world);
    assert!(commands.len() > 40 && commands.iter().any(|command| command == "grant explain"), "{commands:?}");
    let mut all = Vec::new();
    for command in &commands {
        let found = examples(&world, command);
        assert!(!found.is_empty(), "`ugent secret {command} --help` has no example");
        let its = |example: &Example| example.line.contains(&format!("ugent secret {command}"));
        assert!(found.iter().all(its), "an example of `ugent secret {command}` is of another: {found:?}");
        all.extend(found);
    }
    // Each waits more than it works.
    let shares: Vec<&[Example]> = all.chunks(all.len().div_ceil(4)).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let pasted: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.iter().filter_map(paste).collect::<Vec<_>>()))
            .collect();
        pasted.into_iter().flat_map(|share| share.join().expect("its panic was told")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_stage_is_named_for_commands_that_exist() {
    let commands = every_command(&World::bare_of_one_user());
    for (command, _) in STAGES.iter().filter(|(command, _)| !command.is_empty()) {
        assert!(commands.iter().any(|known| known == command), "{command}");
    }
}

/// An example that runs until it is told to end.
#[track_caller]
fn run_until_told(line: &str) {
    let ground = Ground::at(Stage::Serving);
    let mut running = ground.world().shell(&format!("exec {}", ground.own(line))).start();
    until_true("the plugin runs", || ground.paste("ugent secret plugin list").stdout.contains("running"));
    running.signal(Signal::SIGTERM);
    drop(running.outcome().succeeded());
}

#[test]
fn the_example_of_the_broker_in_the_foreground_serves_until_it_is_told_to_end() {
    let ground = Ground::at(Stage::Ready);
    let help = ground.paste("secret-broker --help").succeeded().stdout;
    let example = help.lines().skip_while(|line| *line != "Example:").nth(1).expect("it has an example");
    let script = ground.own(&format!("exec {}", example.trim()));
    let mut broker = ground.world().shell(&script).start();
    until_true("it serves", || ground.world().ugent(&["broker", "status"]).run().code == Some(0));
    broker.signal(Signal::SIGTERM);
    drop(broker.outcome().succeeded());
}
