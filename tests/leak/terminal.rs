//! The passphrase's prompt: the terminal is as before whichever way it ends, and what was typed is
//! not in the command any more.
//!
//! `script` of util-linux gives the command a terminal and types into it.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use tests::scan;
use tests::world::census::Process;
use tests::world::until::{until, until_true};
use tests::world::{HANDLE, Outcome, Pages, Running, World, letters};

use crate::ground::{bare, random_part};

/// A command that waits for its passphrase at a terminal, in a shell that outlives it and then says
/// how the terminal is.
pub(crate) struct Prompt {
    script: Running,
    /// The command.
    pub(crate) ugent: Process,
}

/// `ugent secret remove`, which needs the passphrase and nothing else.
pub(crate) fn prompt(world: &World) -> Prompt {
    let call = world.ugent(&["remove", HANDLE, "--yes"]).without("UGENT_SECRETS_PASSPHRASE");
    let line = call.shell_line();
    // Whoever runs the tests in the background may have had signals of the keyboard ignored.
    let mut script = Command::new("env");
    script
        .args(["--default-signal", "script"])
        .args(["--quiet", "--return", "--command"])
        .arg(format!("trap : INT TERM HUP QUIT; {line}; code=$?; echo; echo ended with $code; stty -a"))
        .arg("/dev/null")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("UGENT_HOME", world.home().path())
        .current_dir(world.home().workspace());
    let script = Running::open(script);
    until_true("it asks", || script.stdout().trim_end().ends_with("the vault:"));
    let ugent = until("there is the command", || {
        // Below the shell that `script` starts; that needs no look into it, which it does not permit.
        let shells = Process::children(script.pid());
        let mut below = shells.iter().flat_map(|shell| Process::children(shell.pid)).chain(shells.clone());
        below.find(|process| process.name == "ugent")
    });
    Prompt { script, ugent }
}

impl Prompt {
    pub(crate) fn type_line(&mut self, line: &str) {
        self.script.type_line(line);
    }

    pub(crate) fn ended(mut self) -> Outcome {
        self.script.outcome()
    }
}

/// How a prompt ends.
enum End<'a> {
    Typed(&'a str),
    Sent(Signal),
}

#[test]
fn the_terminal_is_as_before_whichever_way_the_prompt_ends() {
    let world = World::ready();
    let ends = [
        ("Ctrl-C", End::Typed("\u{3}"), "130"),
        ("Ctrl-\\", End::Typed("\u{1c}"), "131"),
        ("end of file", End::Typed("\u{4}"), "65"),
        ("a wrong passphrase", End::Typed("not the passphrase"), "77"),
        ("SIGTERM", End::Sent(Signal::SIGTERM), "143"),
        ("SIGHUP", End::Sent(Signal::SIGHUP), "129"),
        ("the passphrase", End::Typed(world.passphrase()), "0"),
    ];
    for (what, end, code) in ends {
        let mut prompt = prompt(&world);
        match end {
            End::Typed(line) => prompt.type_line(line),
            End::Sent(signal) => kill(prompt.ugent.pid, signal).unwrap(),
        }
        let told = prompt.ended().stdout;
        assert!(told.contains(&format!("ended with {code}\r\n")), "{what}: {told}");
        let (_, state) = told.split_once("speed ").expect("stty says how the terminal is");
        let flags: Vec<&str> = state.split_ascii_whitespace().collect();
        for flag in ["echo", "icanon", "isig"] {
            assert!(flags.contains(&flag), "{flag} after {what}: {state}");
        }
        assert!(!told.contains(world.passphrase()), "what is typed is not shown: {told}");
    }
    assert!(world.handles().is_empty(), "the last one was the right one");
}

#[test]
fn what_was_typed_at_the_prompt_is_not_in_the_command_at_its_end() {
    if !scan::is_possible("what_was_typed_at_the_prompt_is_not_in_the_command_at_its_end") {
        return;
    }
    let world = bare(Pages::Plain).initialized().granted();
    let wrong = letters(40);
    for typed in [&wrong, world.passphrase()] {
        let mut prompt = prompt(&world);
        let look = scan::at_exit(prompt.ugent.pid, &[random_part(typed)]);
        prompt.type_line(typed);
        drop(prompt.ended());
        for report in look.reports(&["ugent"]) {
            assert!(report.finds.is_empty(), "{report}");
        }
    }
    assert!(world.handles().is_empty(), "the last one was the right one");
}
