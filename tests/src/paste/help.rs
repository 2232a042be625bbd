//! Every command there is, and the examples in its help.

use crate::world::World;

/// An example of a command.
#[derive(Clone, Debug)]
pub struct Example {
    /// The command it is an example of, as in `grant add`.
    pub command: String,
    /// What is to be pasted.
    pub line: String,
}

/// Every command behind `ugent secret`, groups included, found by asking for help.
#[must_use]
pub fn every_command(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let mut groups = vec![String::new()];
    while let Some(group) = groups.pop() {
        for name in named(&help(world, &group)) {
            let command = format!("{group} {name}").trim().to_owned();
            groups.push(command.clone());
            found.push(command);
        }
    }
    found.sort();
    found
}

/// The examples in the help of that command.
#[must_use]
pub fn examples(world: &World, command: &str) -> Vec<Example> {
    let text = help(world, command);
    let after = text.lines().skip_while(|line| !matches!(*line, "Example:" | "Examples:")).skip(1);
    let mut lines: Vec<String> = Vec::new();
    for line in after.map_while(|line| line.strip_prefix("  ")) {
        match lines.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.push('\n');
                last.push_str(line);
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
    }
    lines.into_iter().map(|line| Example { command: command.to_owned(), line }).collect()
}

fn help(world: &World, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
    world.ugent(&words).run().succeeded().stdout
}

fn named(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = section.take_while(|line| line.starts_with("  "));
    // Rows that go on with a text are further in.
    let rows = rows.filter(|row| !row.starts_with("   "));
    let names = rows.filter_map(|row| row.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}
