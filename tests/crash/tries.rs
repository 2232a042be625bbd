//! A keeper that is killed while it derives the key has used up a try all the same.

use nix::sys::signal::{Signal, kill};
use tests::world::World;
use tests::world::census::Process;
use tests::world::until::until;

/// So much that a keeper which has it is deriving.
const DERIVING_KIB: u64 = 100 * 1024;

fn resident_kib(process: &Process) -> Option<u64> {
    let status = String::from_utf8(process.proc_file("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn a_kill_between_a_try_and_its_answer_does_not_make_it_free() {
    let world = World::bare();
    let costly = world.settings().replace("memory_kib = 8192, passes = 1", "memory_kib = 131072, passes = 8");
    world.home().write("secrets.toml", &costly);
    let world = world.initialized();
    for _ in 0..2 {
        let call = world.ugent(&["token", "issue", "--consumer", "guest"]);
        let mut call = call.env("UGENT_SECRETS_PASSPHRASE", "not the passphrase").start();
        let keeper = until("a keeper derives the key", || {
            let mut children = Process::children(call.pid()).into_iter();
            children.find(|child| child.name == "keeperd" && resident_kib(child) > Some(DERIVING_KIB))
        });
        kill(keeper.pid, Signal::SIGKILL).unwrap();
        assert_ne!(call.outcome().code, Some(77), "it had no answer");
    }
    let told = world.ugent(&["token", "issue", "--consumer", "guest"]).run();
    told.refused(75, &["was not tried", "2 wrong ones"]);
}
