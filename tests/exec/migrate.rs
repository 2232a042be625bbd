//! `config migrate`, over configurations in the shapes of real tools: what is moved, what stays, and that
//! nothing else of a file changes.
//!
//! In a file of `corpus/`, `%name%` is a value that is to become `@name`, `%!name%` one that stays, and `%R%`
//! is where a key becomes the key of a reference.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tests::world::{Outcome, World, key};

use crate::ground::{exec, grant};

/// Values by name: the same in every file.
#[derive(Default)]
struct Values(BTreeMap<String, String>);

/// A file of the corpus.
struct Sample {
    before: String,
    after: String,
    /// Lines that have a credential.
    plain: Vec<usize>,
    /// Those of them that keep it.
    kept: Vec<usize>,
    moved: Vec<String>,
}

impl Values {
    fn of(&mut self, name: &str) -> String {
        self.0.entry(name.to_owned()).or_insert_with(key).clone()
    }

    fn sample(&mut self, file: &str, text: &str) -> Sample {
        let mut sample = Sample {
            before: String::new(),
            after: String::new(),
            plain: Vec::new(),
            kept: Vec::new(),
            moved: Vec::new(),
        };
        let (mut quote, mut line) = (None, 1);
        for (number, part) in text.split('%').enumerate() {
            if number % 2 == 0 {
                let part_after = part.strip_prefix(['"', '\'']).filter(|_| quote.take().is_some());
                sample.before.push_str(part);
                sample.after.push_str(part_after.unwrap_or(part));
                line += part.matches('\n').count();
                continue;
            }
            match (part, part.strip_prefix('!')) {
                ("R", _) => sample.after.push_str("_ref"),
                (_, Some(stays)) => {
                    let value = self.of(stays);
                    sample.before.push_str(&value);
                    sample.after.push_str(&value);
                    sample.plain.push(line);
                    sample.kept.push(line);
                }
                (name, None) => {
                    let last = sample.after.chars().last().filter(|c| matches!(c, '"' | '\''));
                    quote = last;
                    if quote.is_some() {
                        sample.after.pop();
                    }
                    let is_bare = quote.is_none() && sample.after.ends_with('=');
                    let around = if is_bare || file.contains("env") { "" } else { "\"" };
                    sample.before.push_str(&self.of(name));
                    sample.after.push_str(&format!("{around}@{name}{around}"));
                    sample.plain.push(line);
                    sample.moved.push(name.to_owned());
                }
            }
        }
        sample
    }
}

fn corpus() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("exec/corpus");
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn written(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.home().workspace().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn migrate(world: &World, path: &Path, options: &[&str]) -> Outcome {
    world.ugent(&[&["config", "migrate", path.to_str().unwrap()], options].concat()).run()
}

/// Lines that `config check` has plain text on.
fn plain(world: &World, path: &Path) -> Vec<usize> {
    let told = world.ugent(&["config", "check", path.to_str().unwrap()]).run();
    let mut lines: Vec<usize> = told
        .stdout
        .lines()
        .filter(|line| line.contains("plain text"))
        .map(|line| {
            let behind = line.strip_prefix(path.to_str().unwrap()).unwrap();
            behind.trim_start_matches(':').split(':').next().unwrap().parse().unwrap()
        })
        .collect();
    lines.dedup();
    assert_eq!(told.code, Some(if lines.is_empty() { 0 } else { 65 }), "{}{}", told.stdout, told.stderr);
    lines
}

fn vault() -> World {
    World::bare_of_one_user().initialized()
}

#[test]
fn thirty_configurations_are_migrated_and_nothing_else_of_them_changes() {
    let world = vault();
    let broker = world.broker();
    let mut values = Values::default();
    let corpus = corpus();
    assert!(corpus.len() >= 30);
    for file in corpus {
        let name = file.file_name().unwrap().to_str().unwrap();
        let sample = values.sample(name, &fs::read_to_string(&file).unwrap());
        let path = written(&world, name, &sample.before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut due = sample.plain.clone();
        due.dedup();
        assert_eq!(plain(&world, &path), due, "{name}: credentials by line");
        let told = migrate(&world, &path, &["--yes"]).succeeded();
        for value in values.0.values() {
            assert!(!told.stdout.contains(value) && !told.stderr.contains(value), "{name}: {}", told.stdout);
        }
        for handle in &sample.moved {
            assert!(told.stdout.contains(&format!("@{handle}: ")), "{name}: {}", told.stdout);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), sample.after, "{name}\n{}", told.stdout);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640, "{name}");
        assert_eq!(plain(&world, &path), sample.kept, "{name}: what stays is told");
        // What was moved is nowhere but in the vault.
        for (path, (_, bytes)) in world.home().everything() {
            for handle in &sample.moved {
                let value = values.of(handle);
                let is_there = bytes.windows(value.len()).any(|part| part == value.as_bytes());
                assert!(!is_there, "{name}: @{handle} is in {}", path.display());
            }
        }
    }
    gives_back(&world, &values);
    drop(broker.stop().succeeded());
}

/// Every secret there is opens to the value that stood under its name.
fn gives_back(world: &World, values: &Values) {
    let handles = world.handles();
    let grants: String =
        handles.iter().map(|handle| grant(handle, "cli", "process.env", "env_inject")).collect();
    world.home().write("secrets.grants.toml", &grants);
    let mut options = vec!["--no-mask".to_owned()];
    for (number, handle) in handles.iter().enumerate() {
        options.extend(["--env".to_owned(), format!("V{number}={handle}")]);
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let told = tests::world::until::until("they are granted", || {
        let told = exec(world, &options, &["env"]).run();
        (told.code == Some(0)).then_some(told.stdout)
    });
    assert!(handles.len() >= 30, "{handles:?}");
    for (number, handle) in handles.iter().enumerate() {
        let due = format!("V{number}={}", values.0[handle.trim_start_matches('@')]);
        assert!(told.lines().any(|line| line == due), "{handle}");
    }
}

#[test]
fn the_change_is_shown_with_stars_and_nothing_is_done_without_a_yes() {
    let world = vault();
    let text = format!("[llm.instances.openai]\napi_key = \"{}\" # ours\n", world.key());
    let path = written(&world, "a.toml", &text);
    let told = migrate(&world, &path, &[]);
    assert!(told.stdout.contains("    2 - api_key = \"********\"\n"), "{}", told.stdout);
    assert!(told.stdout.contains("      + api_key_ref = \"@openai_api_key\"\n"), "{}", told.stdout);
    assert!(told.stdout.contains("@openai_api_key: new, provider openai, kind api_key"), "{}", told.stdout);
    assert!(!told.stdout.contains(world.key()));
    told.refused(64, &["no terminal to ask on"]);
    assert!(world.handles().is_empty());
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn a_name_that_has_another_value_keeps_all_out_until_another_is_chosen() {
    let world = World::of_one_user();
    let other = key();
    let text = format!("api_key: {other}\nopenai_api_key: {}\ntoken: {}\n", key(), key());
    let path = written(&world, "a.yaml", &text);
    migrate(&world, &path, &["--yes"]).refused(65, &["@openai_api_key", "line 2", "nothing was changed"]);
    assert_eq!((world.handles().len(), fs::read_to_string(&path).unwrap()), (1, text.clone()));
    assert_eq!(world.events("secret.compared").len(), 1, "who compares is recorded");
    let options = ["--yes", "--as", "2=@second", "--except", "3"];
    drop(migrate(&world, &path, &options).succeeded());
    assert_eq!(world.handles(), ["@api_key", "@openai_api_key", "@second"]);
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.starts_with("api_key_ref: \"@api_key\"\nopenai_api_key: \"@second\"\ntoken: sk-"), "{now}");
}

#[test]
fn a_value_that_stands_twice_is_stored_once_and_one_that_is_there_is_used() {
    let world = World::of_one_user();
    let text = format!("A_KEY='x'\nOPENAI_API_KEY={0}\nOTHER_TOKEN={0}\n", world.key());
    let path = written(&world, "x.env", &text);
    drop(migrate(&world, &path, &["--yes", "--as", "2=@openai_api_key"]).succeeded());
    let now = fs::read_to_string(&path).unwrap();
    assert_eq!(now, "A_KEY='x'\nOPENAI_API_KEY=@openai_api_key\nOTHER_TOKEN=@openai_api_key\n");
    assert_eq!(world.handles(), ["@openai_api_key"]);
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_changed() {
    let world = vault();
    let path = written(&world, "config", "api_key = \"abcdefghij\"\n");
    migrate(&world, &path, &["--yes"]).refused(64, &["language"]);
    migrate(&world, &path, &["--format", "ini"]).refused(64, &["language"]);
    for options in
        [&["--except", "7"][..], &["--as", "7=@x"], &["--as", "x"], &["--as", "1=@a", "--as", "1=@b"]]
    {
        let told = migrate(&world, &path, &[options, &["--format", "toml", "--yes"]].concat());
        told.refused(64, &[]);
    }
    migrate(&world, Path::new("/nonexistent/a.toml"), &["--yes"]).refused(65, &["/nonexistent/a.toml"]);
    let broker = world.locked_broker();
    migrate(&world, &path, &["--format", "toml", "--yes"]).refused(77, &["locked"]);
    drop(broker.stop().succeeded());
    assert!(world.handles().is_empty());
    // A link is followed; a directory that takes no new file keeps the old one, and the values are stored.
    let link = world.home().workspace().join("link.toml");
    std::os::unix::fs::symlink("config", &link).unwrap();
    drop(migrate(&world, &link, &["--yes"]).succeeded());
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "api_key_ref = \"@api_key\"\n");
    assert!(migrate(&world, &link, &["--yes"]).succeeded().stdout.contains("is to be migrated"));
}
