//! At a terminal: job control, Ctrl-C, and a passphrase that is asked for.
//!
//! `script` of util-linux gives the command a terminal and types into it.

use std::process::Command;

use tests::world::until::until_true;
use tests::world::{Running, World};

use crate::ground::{ready, with_key};

fn at_a_terminal(world: &World, line: &str) -> Running {
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("UGENT_HOME", world.home().path())
        .env("UGENT_SECRETS_PASSPHRASE", world.passphrase())
        .current_dir(world.home().workspace());
    Running::open(script)
}

#[test]
fn between_two_terminals_nothing_of_ours_remains_and_nothing_is_masked() {
    let world = ready();
    let line = with_key(&world, &[], &["sh", "-c", "cat /proc/$PPID/comm; echo \"<$KEY>\""]).shell_line();
    let told = at_a_terminal(&world, &line).outcome().succeeded().stdout;
    assert!(!told.contains("ugent"), "{told}");
    assert!(told.contains(&format!("<{}>", world.key())), "{told}");
}

#[test]
fn the_passphrase_is_asked_for_at_the_terminal_and_stdin_stays_the_programs() {
    let world = ready();
    let line = with_key(&world, &[], &["sh", "-c", "read -r said; echo \"heard $said\""]).shell_line();
    let mut running = at_a_terminal(&world, &format!("unset UGENT_SECRETS_PASSPHRASE; {line}"));
    until_true("it asks", || running.stdout().contains("Passphrase of the vault:"));
    running.type_line(world.passphrase());
    until_true("the line is done", || running.stdout().contains('\n'));
    running.type_line("me");
    let told = running.outcome().succeeded().stdout;
    assert!(told.contains("heard me"), "{told}");
}

#[test]
fn ctrl_c_reaches_the_program_once_and_exec_waits_for_what_it_does() {
    let world = ready();
    let program = "import signal\n\
                   signal.signal(2, lambda n, f: None)\n\
                   signal.pthread_sigmask(signal.SIG_BLOCK, [2])\n\
                   print('ready', flush=True)\n\
                   signal.sigwait([2])\n\
                   again = signal.sigtimedwait([2], 0.5)\n\
                   print('twice' if again else 'once')\n\
                   exit(5)\n";
    std::fs::write(world.home().workspace().join("program.py"), program).unwrap();
    let line = with_key(&world, &[], &["python3", "program.py"]).shell_line();
    let mut running = at_a_terminal(&world, &format!("exec {line} 2> errors"));
    until_true("the program is ready", || running.stdout().contains("ready"));
    running.type_line("\u{3}");
    let told = running.outcome().ended_with(5).stdout;
    assert!(told.contains("once"), "{told}");
}

#[test]
fn ctrl_z_stops_the_job_and_fg_goes_on_with_it() {
    let world = ready();
    let program =
        "print('ready', flush=True)\nwhile 'done' not in input(): pass\nprint('over', flush=True)\n";
    std::fs::write(world.home().workspace().join("program.py"), program).unwrap();
    let line = with_key(&world, &[], &["python3", "program.py"]).shell_line();
    let mut running = at_a_terminal(&world, "bash --norc --noprofile -i");
    running.type_line(&format!("{line} 2> errors; echo code $?"));
    until_true("the program is ready", || running.stdout().contains("ready\r\n"));
    running.type_line("\u{1a}");
    until_true("the shell says it has stopped", || running.stdout().contains("Stopped"));
    running.type_line("fg");
    running.type_line("done");
    until_true("the program goes on and ends", || running.stdout().contains("over\r\n"));
    running.type_line("exit 0");
    drop(running.outcome().succeeded());
}
