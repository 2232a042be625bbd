//! Attacks on live daemons by a program of the same user.

use tests::world::outsider::{as_able_into, beside, into};
use tests::world::{Layout, World};

const WAYS: usize = 9;

/// INV-08: a daemon is undumpable from before Start, and has been made so again when it became
/// another user.
#[test]
fn nobody_of_the_same_user_can_look_into_a_live_daemon() {
    let world = World::ready();
    let broker = world.broker();
    let mut pids = vec![("secret-broker", broker.launcher().pid())];
    for name in ["keeperd", "egressd"] {
        pids.push((name, broker.child(name).pid));
    }
    for (name, pid) in pids {
        let seen = into(&pid.to_string());
        assert_eq!(seen.ways().count(), WAYS, "{name}: {seen:?}");
        assert!(seen.is_refused(), "{name}: {seen:?}");
        // Of a root launcher the above shows only that its capabilities are too many for others. With the
        // same it is closed, too, but for what Linux lets CAP_SYS_ADMIN read of any process.
        let of_root = ["environ", "maps"];
        let seen = as_able_into(&pid.to_string());
        let closed =
            |(way, result): (&str, &str)| result == "EPERM" || result == "EACCES" || of_root.contains(&way);
        assert!(seen.ways().all(closed), "{name}: {seen:?}");
        // The same look at a program that is held by nothing sees all it looks for; else the above
        // would show nothing.
        let ordinary = beside(&pid.to_string());
        for way in ["mem", "environ", "maps", "fd", "ptrace", "pidfd_getfd"] {
            let done = ordinary.ways().any(|found| found == (way, "done"));
            assert!(done, "{name}: {way}: {ordinary:?}");
        }
    }
}

/// What `doctor` and `broker status` say of it was tried, as each process's own user, too.
#[test]
fn status_and_doctor_have_looked_into_each_process_as_its_own_user() {
    let world = World::ready();
    let _broker = world.broker();
    let status = world.json(&["broker", "status", "--json"]);
    let processes = status["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 3);
    for process in processes {
        assert_eq!(process["looked_into"], "refused", "{process}");
    }
    let told = world.doctor();
    for id in ["process.launcher", "process.keeperd", "process.egressd"] {
        let [_, what, _] = told.of(id);
        assert!(what.contains("closed to others of its user"), "{what}");
    }
    // As it was read from inside, for root to compare from outside.
    let [_, what, _] = told.of("process.keeperd");
    let keeperd = processes.iter().find(|process| process["name"] == "keeperd").unwrap();
    let inode = keeperd["namespaces"]["net"].as_u64().unwrap();
    assert!(what.contains(&format!("net {inode}")), "{what}");
    match world.layout() {
        Layout::OneUser => {}
        Layout::System => {
            let uids: Vec<_> = processes.iter().map(|process| process["kernel"]["Uid"].clone()).collect();
            assert!(uids[0] != uids[1] && uids[1] != uids[2], "three users: {uids:?}");
        }
    }
}
