//! Attacks on the kernel's walls from inside each confined process.

use tests::world::until::until_true;
use tests::world::{Layout, World};

use crate::probe::{Ground, run};

const LAUNCHER: &str = "secret-broker";

/// SIGSYS: the kill filter.
const KILLED: &str = "signal 31";
/// No row allows it.
const NO_ROW: &str = "EPERM";
/// Landlock.
const FENCED: &str = "EACCES";

/// Not the same in every layout, or to be tried on a ground of its own, or nobody knows how long it would take.
const ELSEWHERE: &str = "elsewhere";

/// attempt, in keeperd, in egressd, in the launcher, which has all that its children need to start and
/// to be confined
const WALLS: &[(&str, &str, &str, &str)] = &[
    ("tcp_socket", NO_ROW, "done", "done"),
    ("tcp6_socket", NO_ROW, "done", "done"),
    ("udp_socket", NO_ROW, NO_ROW, NO_ROW),
    ("raw_socket", NO_ROW, NO_ROW, NO_ROW),
    ("mptcp_socket", NO_ROW, NO_ROW, NO_ROW),
    ("sctp_socket", NO_ROW, NO_ROW, NO_ROW),
    // The launcher's: for the session bus, which a keychain's helper connects to before it is confined.
    ("unix_socket", NO_ROW, NO_ROW, "done"),
    ("unix_datagrams", NO_ROW, NO_ROW, "done"),
    ("netlink_socket", NO_ROW, NO_ROW, NO_ROW),
    ("vsock_socket", NO_ROW, NO_ROW, NO_ROW),
    ("packet_socket", NO_ROW, NO_ROW, NO_ROW),
    ("connect_open_port", NO_ROW, "done", "done"),
    ("connect_closed_port", NO_ROW, FENCED, "done"),
    ("connect_public", NO_ROW, FENCED, ELSEWHERE),
    ("connect_by_sending", NO_ROW, NO_ROW, NO_ROW),
    ("connect_abstract", NO_ROW, NO_ROW, "done"),
    ("bind", NO_ROW, NO_ROW, NO_ROW),
    ("listen", NO_ROW, NO_ROW, NO_ROW),
    ("open_passwd", FENCED, NO_ROW, "done"),
    ("open_another_users", FENCED, NO_ROW, "done"),
    ("open_own_memory", FENCED, NO_ROW, ELSEWHERE),
    ("write_grants", FENCED, NO_ROW, "done"),
    ("read_grants", "done", NO_ROW, "done"),
    ("create_outside", FENCED, NO_ROW, "done"),
    ("create_inside", "done", NO_ROW, "done"),
    ("symlink", NO_ROW, NO_ROW, NO_ROW),
    ("chmod", NO_ROW, NO_ROW, NO_ROW),
    ("exec", KILLED, KILLED, "done"),
    ("execveat", KILLED, KILLED, NO_ROW),
    ("fork", NO_ROW, NO_ROW, "done"),
    ("clone3", NO_ROW, NO_ROW, "EINVAL"),
    ("thread", NO_ROW, NO_ROW, "done"),
    ("ptrace", KILLED, KILLED, KILLED),
    ("process_vm_readv", KILLED, KILLED, KILLED),
    ("pidfd_getfd", KILLED, KILLED, KILLED),
    ("pidfd_open", NO_ROW, NO_ROW, "done"),
    ("kill", NO_ROW, NO_ROW, ELSEWHERE),
    ("terminate", NO_ROW, NO_ROW, NO_ROW),
    ("tgkill", NO_ROW, NO_ROW, NO_ROW),
    ("tgkill_abort", NO_ROW, NO_ROW, ELSEWHERE),
    ("mmap_exec", NO_ROW, NO_ROW, "done"),
    ("mmap_write", "done", "done", "done"),
    ("mprotect_exec", NO_ROW, NO_ROW, "ENOMEM"),
    ("pkey_mprotect", NO_ROW, NO_ROW, NO_ROW),
    ("personality", NO_ROW, NO_ROW, NO_ROW),
    ("memfd_create", NO_ROW, NO_ROW, NO_ROW),
    ("shmget", NO_ROW, NO_ROW, NO_ROW),
    ("io_uring", KILLED, KILLED, KILLED),
    ("bpf", KILLED, KILLED, KILLED),
    ("userfaultfd", KILLED, KILLED, KILLED),
    ("keyctl", KILLED, KILLED, KILLED),
    ("init_module", KILLED, KILLED, KILLED),
    ("mount", KILLED, KILLED, KILLED),
    ("chroot", KILLED, KILLED, KILLED),
    ("setns", KILLED, KILLED, KILLED),
    ("unshare", NO_ROW, NO_ROW, "done"),
    ("unshare_mounts", NO_ROW, NO_ROW, NO_ROW),
    ("unshare_pids", NO_ROW, NO_ROW, NO_ROW),
    ("setuid", NO_ROW, NO_ROW, NO_ROW),
    ("setresuid", NO_ROW, NO_ROW, ELSEWHERE),
    ("setresgid", NO_ROW, NO_ROW, ELSEWHERE),
    ("setgroups", NO_ROW, NO_ROW, ELSEWHERE),
    ("capset", NO_ROW, NO_ROW, "EFAULT"),
    ("setrlimit_core", NO_ROW, NO_ROW, "done"),
    ("limits_of_another", NO_ROW, NO_ROW, NO_ROW),
    ("dumpable", NO_ROW, NO_ROW, NO_ROW),
    ("tracer", NO_ROW, NO_ROW, NO_ROW),
    ("another_filter", NO_ROW, NO_ROW, NO_ROW),
    ("a_filter_of_ours", NO_ROW, NO_ROW, "EFAULT"),
    ("terminal_input", NO_ROW, NO_ROW, NO_ROW),
    ("x32", NO_ROW, NO_ROW, NO_ROW),
    ("own_signals", NO_ROW, NO_ROW, NO_ROW),
    ("file_lock", NO_ROW, NO_ROW, NO_ROW),
    ("into_cores", NO_ROW, NO_ROW, "done"),
    ("into_children", NO_ROW, NO_ROW, "done"),
];

/// A keeper that only reads a journal has no file at all.
const VERIFIERS: &[(&str, &str)] = &[("read_grants", FENCED), ("create_inside", FENCED)];

/// An export has one directory (here: that of the vault), and sockets to talk to this machine's logs; it
/// may connect these, and so does not have keeperd's refusal for all sockets.
const EXPORTS: &[(&str, &str)] = &[
    ("read_grants", FENCED),
    ("unix_datagrams", "done"),
    ("connect_open_port", FENCED),
    ("connect_closed_port", FENCED),
    ("connect_public", FENCED),
];

/// What each process comes to, but for the launcher's that are tried elsewhere.
fn walls() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut all = Vec::new();
    for (attempt, keeperd, egressd, launcher) in WALLS {
        let unlike = |table: &[(&str, &'static str)]| {
            table.iter().find(|(name, _)| name == attempt).map_or(*keeperd, |(_, expected)| expected)
        };
        all.extend([("keeperd", *attempt, *keeperd), ("egressd", *attempt, *egressd)]);
        all.push(("verifier", *attempt, unlike(VERIFIERS)));
        all.push(("export", *attempt, unlike(EXPORTS)));
        all.extend((*launcher != ELSEWHERE).then_some((LAUNCHER, *attempt, *launcher)));
    }
    all
}

/// INV-03, INV-07. What is done is as fixed as what is refused: a table that got wider or narrower is
/// found here. A live daemon is what another one would look into.
#[test]
fn every_way_out_of_a_process_is_closed_but_those_it_needs() {
    let world = World::ready();
    let broker = world.broker();
    let children = || ["keeperd", "egressd"].map(|name| broker.child(name).pid);
    let [keeperd, egressd] = children();
    let (mut beside_keeperd, mut beside_egressd) = (Ground::beside(keeperd), Ground::beside(egressd));
    let mut wrong = Vec::new();
    for (process, attempt, expected) in walls() {
        let ground = if process == "egressd" { &beside_keeperd } else { &beside_egressd };
        // Who is to be refused may have done it all the same the time before.
        let _ = std::fs::remove_file(ground.home().join("planted"));
        let expected = match (process, attempt, world.layout()) {
            // A root launcher has no capability that would let it into another user's directory.
            (LAUNCHER, "create_inside", Layout::System) => FENCED,
            _ => expected,
        };
        let came_of_it = ground.tried(process, attempt);
        if came_of_it != expected {
            wrong.push(format!("{process}: {attempt}: {came_of_it} and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(beside_keeperd.stranger_lives() && beside_egressd.stranger_lives());
    assert_eq!(children(), [keeperd, egressd], "both live on");
}

/// Only with `--system` is there anybody it may become; and it ends what does not end, no other way.
#[test]
fn the_launcher_becomes_nobody_but_with_system_and_kills_only() {
    let become_others = match Layout::of_this_run() {
        Layout::OneUser => NO_ROW,
        Layout::System => "done",
    };
    for attempt in ["setgroups", "setresuid", "setresgid"] {
        assert_eq!(Ground::new().tried(LAUNCHER, attempt), become_others, "{attempt}");
    }
    // What an abort is made of can be aimed at others, too.
    for attempt in ["kill", "tgkill_abort"] {
        let mut ground = Ground::new();
        assert_eq!(ground.tried(LAUNCHER, attempt), "done", "{attempt}");
        until_true("the stranger has ended", || !ground.stranger_lives());
    }
}

#[test]
fn being_confined_costs_a_process_less_than_20_milliseconds() {
    let ground = Ground::new();
    let home = ground.home().display().to_string();
    for process in ["keeperd", "verifier", "egressd", "export", LAUNCHER] {
        // The best of a few: the machine may be busy with other tests.
        let cost = || run(&["cost", process, &home]).parse::<u32>().unwrap();
        let best = std::iter::repeat_with(cost).take(5).min().unwrap();
        assert!(best < 20_000, "{process}: {best} us");
    }
}

/// A message could hold a value, and a backtrace opens files.
#[test]
fn a_panic_says_where_and_nothing_else() {
    let ground = Ground::new();
    for process in ["keeperd", "egressd", "secret-broker"] {
        for environment in [&[][..], &[("RUST_BACKTRACE", "1")]] {
            let said = ground.said(process, "panic", environment);
            let place = said.strip_prefix("boundary-probe: bug at ").and_then(|said| said.strip_suffix('\n'));
            let place: Vec<&str> = place.unwrap_or_default().split(':').collect();
            let [file, line, column] = place[..] else { panic!("{process}, {environment:?}: {said:?}") };
            assert!(file.ends_with("boundary_probe/errands.rs") && !file.contains('\n'), "{said:?}");
            assert!([line, column].iter().all(|number| number.parse::<u32>().is_ok()), "{said:?}");
        }
    }
}
