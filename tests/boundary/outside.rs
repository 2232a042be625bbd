//! Attacks on live daemons by a program of the same user.

use tests::world::World;

use crate::probe::run;

const WAYS: usize = 9;

/// Whoever runs the tests looks: an ordinary user as itself, root as what the daemons are.
#[test]
fn nobody_of_the_same_user_can_look_into_a_live_daemon() {
    let world = World::ready();
    let broker = world.broker();
    let mut pids = vec![("secret-broker", broker.launcher().pid())];
    for name in ["keeperd", "egressd"] {
        pids.push((name, broker.child(name).pid));
    }
    for (name, pid) in pids {
        let seen = run(&["look", &pid.to_string()]);
        let refused = |way: &&str| way.ends_with("=EACCES") || way.ends_with("=EPERM");
        let ways: Vec<&str> = seen.split(' ').collect();
        assert_eq!(ways.len(), WAYS, "{name}: {seen}");
        assert!(ways.iter().all(refused), "{name}: {seen}");
    }
}

/// The same look at a program that is held by nothing sees all it looks for; else the test above
/// would show nothing.
#[test]
fn the_same_look_sees_into_an_ordinary_program() {
    let seen = run(&["look", "child"]);
    for way in ["mem=done", "environ=done", "maps=done", "fd=done", "ptrace=done", "pidfd_getfd=done"] {
        assert!(seen.split(' ').any(|found| found == way), "{way}: {seen}");
    }
}
