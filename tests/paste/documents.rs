//! Every block of code in the documents: pasted or judged as its mark says, or listed here with the
//! reason why it is not. What is only mentioned must exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::paste::{Block, Ground, How, Stage, blocks, every_command};
use tests::world::World;

/// Blocks that nothing runs: the document, a piece of the block, and why.
const LEFT: [(&str, &str, &str); 4] = [
    ("README.md", "./packaging/quickstart", "tests/run runs it, with a release build"),
    ("README.md", "terminal / service manager", "a drawing"),
    (
        "docs/PERFORMANCE.md",
        "tests/bench/run",
        "takes a quarter of an hour on a machine that does nothing else",
    ),
    ("docs/concepts.md", "your program", "a drawing"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Every document for readers, by its path in the repository.
fn documents() -> Vec<(String, String)> {
    let root = root();
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.extension() {
                Some(ending) if ending == "md" => found.push(path),
                Some(_) => {}
                None => folders.push(path),
            }
        }
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(&root).expect("below it").display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).expect("it can be read"))).collect()
}

fn is_left(document: &str, block: &Block) -> bool {
    LEFT.iter().any(|(name, piece, _)| *name == document && block.text.contains(piece))
}

/// Tries the blocks of a document, in order; says what went wrong.
fn try_all(document: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ground: Option<Ground> = None;
    for block in blocks(text) {
        let place = format!("{document}:{}", block.line);
        match &block.how {
            How::Paste { on, code } => {
                if let Some(stage) = on {
                    // The one before ends first: both would listen on ports of their own, for nothing.
                    drop(ground.take());
                    ground = Some(Ground::at(*stage));
                }
                let Some(ground) = &ground else {
                    wrong.push(format!("{place} goes on, and nothing is before it"));
                    continue;
                };
                let told = ground.paste(&block.text);
                if told.code != Some(*code) {
                    wrong.push(format!(
                        "{place} ends with {:?}\nstdout: {}\nstderr: {}",
                        told.code, told.stdout, told.stderr
                    ));
                }
            }
            How::Grants => wrong.extend(judged(&place, "ugent secret grant check judged.toml", &block)),
            How::Providers => wrong.extend(judged(&place, "ugent secret provider check judged.toml", &block)),
            How::Settings => {
                let script =
                    "cp judged.toml ~/.ugent/secrets.toml && chmod 600 ~/.ugent/secrets.toml && ugent secret";
                wrong.extend(judged(&place, script, &block));
            }
            How::Plugins => {
                wrong.extend(judged(&place, "ugent secret plugin list --config judged.toml", &block));
            }
            How::Sdk(_) => {}
            How::Unmarked if is_left(document, &block) => {}
            How::Unmarked => wrong.push(format!("{place} has no mark, and is not listed with a reason")),
        }
    }
    wrong
}

fn judged(place: &str, script: &str, block: &Block) -> Option<String> {
    let ground = Ground::at(Stage::Vault);
    std::fs::write(ground.path("judged.toml"), ground.own(&block.text)).expect("there is room");
    let told = ground.paste(script);
    (told.code != Some(0)).then(|| format!("{place}: {}{}", told.stdout, told.stderr))
}

#[test]
fn every_block_of_the_documents_does_what_its_mark_says() {
    let all = documents();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = all.iter().map(|(name, text)| scope.spawn(move || try_all(name, text))).collect();
        tried.into_iter().flat_map(|one| one.join().expect("its panic was told")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_out_is_there() {
    for (name, piece, why) in LEFT {
        let text = std::fs::read_to_string(root().join(name)).expect("a document");
        let there =
            blocks(&text).iter().any(|block| block.how == How::Unmarked && block.text.contains(piece));
        assert!(there, "{name} has no such block: {why}");
    }
}

/// Commands in the text, between backticks.
fn mentioned(text: &str) -> BTreeSet<String> {
    let mut inside = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let spans = line.split('`').skip(1).step_by(2);
            inside.extend(spans.filter(|span| span.contains("ugent secret ")).map(str::to_owned));
        }
    }
    inside
}

#[test]
fn every_command_that_is_only_mentioned_exists_with_its_options() {
    let world = World::bare_of_one_user();
    let commands = every_command(&world);
    for (name, text) in documents() {
        for span in mentioned(&text) {
            let typed = span.split("ugent secret ").nth(1).unwrap_or_default();
            let mut words: Vec<&str> =
                typed.split([' ', '|', '>', '<']).take_while(|word| *word != "--").collect();
            words.retain(|word| !word.is_empty());
            let is_command =
                |count: usize| commands.contains(&words.get(..count).unwrap_or_default().join(" "));
            let depth = [2, 1].into_iter().find(|count| is_command(*count));
            let Some(depth) = depth else {
                assert!(words.first().is_none_or(|word| word.starts_with(['…', '-'])), "{name}: `{span}`");
                continue;
            };
            let (command, rest) = words.split_at(depth);
            let help = world.ugent(&[command, &["--help"]].concat()).run().succeeded().stdout;
            for option in rest.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap_or_default();
                assert!(help.contains(option), "{name}: `{span}`: {option}");
            }
        }
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for (name, text) in documents() {
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let is_local = !path.is_empty() && !path.contains("://");
            assert!(!is_local || folder.join(path).exists(), "{name}: {target}");
        }
    }
}
