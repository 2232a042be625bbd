//! A process that ends by a fault leaves nothing on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use tests::world::census::Process;
use tests::world::http::Ask;
use tests::world::until::until_true;
use tests::world::{Home, Layout, Running, World, outsider};

use crate::terminal::prompt;

const FAULTS: [Signal; 2] = [Signal::SIGSEGV, Signal::SIGABRT];

/// As if the user had said `ulimit -c unlimited`.
fn allow_cores() {
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    let _ = setrlimit(Resource::RLIMIT_CORE, nix::libc::RLIM_INFINITY, nix::libc::RLIM_INFINITY)
        .or_else(|_| setrlimit(Resource::RLIMIT_CORE, hard, hard));
}

/// Where the kernel would put the core of a process that works there; none if it gives cores to a
/// program (which the kernel does for no process that is undumpable, whatever its limit).
fn landing(cwd: &Path) -> Option<PathBuf> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let path = Path::new(pattern.trim_end());
    (!pattern.starts_with('|')).then(|| cwd.join(path.parent().unwrap_or(Path::new(""))))
}

fn names(dir: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// What is new below `dir` by `act`.
fn new_in(dir: &Path, act: impl FnOnce()) -> Vec<PathBuf> {
    let before = names(dir);
    act();
    names(dir).difference(&before).cloned().collect()
}

/// Whether this machine leaves cores in files at all, as an ordinary program shows.
fn are_left() -> bool {
    let home = Home::make(Layout::OneUser);
    let cwd = home.workspace();
    let Some(dir) = landing(&cwd) else { return false };
    let new = new_in(&dir, || {
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -SEGV $$"]).current_dir(&cwd);
        let _ = Running::start(shell, Vec::new()).outcome();
    });
    new.iter().filter(|path| !path.starts_with(&cwd)).for_each(|path| drop(std::fs::remove_file(path)));
    !new.is_empty()
}

/// What holds whatever the machine does with cores: the process may have none, and is undumpable, so
/// the kernel gives its memory to no program either.
#[track_caller]
fn may_leave_none(process: &Process) {
    let limits = String::from_utf8(process.proc_file("limits")).unwrap();
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let numbers: Vec<&str> = limit.split_ascii_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{} may leave a core", process.name);
    let seen = outsider::into(&process.pid.to_string());
    assert!(seen.is_refused(), "{} is dumpable: {seen:?}", process.name);
}

/// Ends a process by a fault; its core would have landed in one of these.
fn fault(process: &Process, signal: Signal) {
    may_leave_none(process);
    let cwd = std::fs::read_link(format!("/proc/{}/cwd", process.pid)).unwrap_or_else(|_| "/".into());
    let act = || {
        // The first SIGSEGV that is no fault is taken by the standard library, which looks for
        // overflows of stacks; it leaves the next to the kernel.
        until_true(&format!("{} is gone by {signal}", process.name), || {
            let _ = kill(process.pid, signal);
            !process.lives()
        });
    };
    let is_core = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().contains("core"))
            || path.to_string_lossy().contains(&process.name)
    };
    match landing(&cwd) {
        Some(dir) => {
            let cores: Vec<_> = new_in(&dir, act).into_iter().filter(is_core).collect();
            assert!(cores.is_empty(), "{} leaves {cores:?} by {signal}", process.name);
        }
        None => act(),
    }
}

#[test]
fn a_fault_of_any_process_leaves_nothing_on_disk() {
    use std::io::Write;

    allow_cores();
    if !are_left() {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED in part: a_fault_of_any_process_leaves_nothing_on_disk: on this machine not even an \
             ordinary program leaves a core in a file (core_pattern is {:?}), so only this was shown: no \
             process may leave one (RLIMIT_CORE), none is dumpable, and no file of the home has a value",
            pattern.trim_end()
        );
    }
    for signal in FAULTS {
        let world = World::ready();
        let broker = world.broker();
        assert_eq!(world.ask(&Ask::chat()).status, 200);
        fault(&broker.child("egressd"), signal);
        assert_eq!(world.ask(&Ask::chat()).status, 200, "another egressd goes on");
        fault(&broker.child("keeperd"), signal);
        let _ = broker.ended();

        let broker = world.broker();
        let launcher = Process::find(broker.launcher().pid().as_raw()).unwrap();
        fault(&launcher, signal);
        let _ = broker.ended();

        let at_the_prompt = prompt(&world);
        fault(&at_the_prompt.ugent, signal);
        let _ = at_the_prompt.ended();

        let key = world.key().as_bytes();
        let secret = world.passphrase().as_bytes();
        for (path, (_, content)) in world.home().snapshot() {
            let has = |value: &[u8]| content.windows(16).any(|part| value.windows(16).any(|of| of == part));
            assert!(!has(key) && !has(secret), "{} holds a value after {signal}", path.display());
        }
    }
}
