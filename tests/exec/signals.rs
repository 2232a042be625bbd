//! How the program ends, stops and goes on, so does exec.

use nix::sys::signal::{Signal, kill};
use tests::world::census::Process;
use tests::world::until::{until, until_true};
use tests::world::{HANDLE, Running, World};

use crate::ground::{exec, ready, with_key};

/// A program that says `ready` when it will be told by signals, and is then told so.
fn trapping(world: &World, options: &[&str], text: &str) -> Running {
    let program = format!(
        "import signal, sys, time\n\
         def say(n, f): print(signal.Signals(n).name, flush=True)\n\
         {text}\n\
         print('ready', flush=True)\n\
         # Not pause(2): one that comes just before it would be heard with the next.\n\
         while True: time.sleep(0.05)\n"
    );
    let running = with_key(world, options, &["python3", "-c", &program]).open();
    until_true("the program is ready", || running.stdout().contains("ready"));
    running
}

fn state(pid: nix::unistd::Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn the_exit_code_is_the_programs_own() {
    let world = ready();
    for options in [&[][..], &["--no-mask"]] {
        for code in [0, 1, 2, 77, 137, 255] {
            let script = format!("exit {code}");
            let _ = with_key(&world, options, &["sh", "-c", &script]).run().ended_with(code);
        }
    }
}

#[test]
fn a_program_that_is_killed_ends_exec_by_the_same_signal() {
    let world = ready();
    for signal in [9, 15, 2, 11, 13, 10] {
        // Whoever runs the tests in the background has some of them ignored.
        let default = "if n != 9: signal.signal(n, signal.SIG_DFL)";
        let program =
            format!("import os, signal\nn = {signal}\n{default}\nos.kill(os.getpid(), n)\nsignal.pause()");
        let told = with_key(&world, &[], &["python3", "-c", &program]).run();
        assert_eq!((told.signal, told.code), (Some(signal), None), "{}", told.stderr);
    }
}

#[test]
fn what_cannot_be_run_is_told_before_any_value_is_lent() {
    let world = ready();
    let directory = world.home().workspace();
    std::fs::write(directory.join("script"), "echo \"$0 $1\"\n").unwrap();
    with_key(&world, &[], &["no-such-program"]).run().refused(127, &["not found"]);
    with_key(&world, &[], &["./no-such-program"]).run().refused(127, &["not found"]);
    with_key(&world, &[], &["./script", "x"]).run().refused(126, &["may not be executed"]);
    with_key(&world, &[], &["/"]).run().refused(126, &["directory"]);
    with_key(&world, &[], &[""]).run().refused(127, &["not found"]);
    assert!(world.events("lease.issued").is_empty());
    // With the right to be run, a script without an interpreter's name is the shell's.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.join("script"), mode).unwrap();
    for options in [&[][..], &["--no-mask"]] {
        let told = with_key(&world, options, &["./script", "x"]).run().succeeded();
        assert_eq!(told.stdout, "./script x\n");
    }
}

#[test]
fn a_signal_to_exec_alone_is_passed_on() {
    let world = ready();
    let text = "for n in (1, 2, 3, 10, 12): signal.signal(n, say)";
    let mut running = trapping(&world, &[], text);
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2] {
        running.signal(signal);
        until_true("it is heard", || running.stdout().contains(signal.as_str()));
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.outcome().signal, Some(15), "the program says nothing of this one");
}

#[test]
fn a_program_that_stops_stops_exec_and_goes_on_with_it() {
    let world = ready();
    let mut running = trapping(&world, &[], "signal.signal(18, say)");
    let program = until("it has a child", || Process::children(running.pid()).pop());
    kill(program.pid, Signal::SIGSTOP).unwrap();
    until_true("exec has stopped, too", || state(running.pid()) == Some('T'));
    kill(running.pid(), Signal::SIGCONT).unwrap();
    until_true("the program goes on", || running.stdout().contains("SIGCONT"));
    assert_ne!(state(running.pid()), Some('T'));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.outcome().signal, Some(15));
}

#[test]
fn a_program_is_ended_when_its_time_is_over() {
    let world = ready();
    let mut running = trapping(&world, &["--timeout", "1s"], "signal.signal(15, lambda n, f: sys.exit(3))");
    running.outcome().refused(124, &["time"]);
    // One that ends before is not.
    let _ = with_key(&world, &["--timeout", "1m", "--no-mask"], &["sh", "-c", "exit 4"]).run().ended_with(4);
    with_key(&world, &["--timeout", "0s"], &["true"]).run().refused(64, &["--timeout"]);
}

#[test]
fn no_privilege_is_gained_where_none_should_be() {
    let world = ready();
    let status = ["grep", "NoNewPrivs", "/proc/self/status"];
    for options in [&["--no-new-privs"][..], &["--no-new-privs", "--no-mask"]] {
        let told = with_key(&world, options, &status).run().succeeded();
        assert_eq!(told.stdout, "NoNewPrivs:\t1\n");
    }
    let limits = |call: tests::world::Call| call.run().succeeded().stdout;
    let command = ["sh", "-c", "ulimit -S -c; ulimit -H -c; umask; trap"];
    let option = format!("KEY={HANDLE}");
    let ours = limits(exec(&world, &["--env", &option], &command));
    let direct = std::process::Command::new("sh").args(["-c", command[2]]).output().unwrap();
    assert_eq!(ours, String::from_utf8(direct.stdout).unwrap(), "nothing else is taken from it");
}
