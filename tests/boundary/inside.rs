//! Attacks on the kernel's walls from inside each confined daemon.

use crate::probe::{Ground, run};

/// SIGSYS: the kill filter.
const KILLED: &str = "signal 31";
/// No row allows it.
const NO_ROW: &str = "EPERM";
/// Landlock.
const FENCED: &str = "EACCES";

/// attempt, in keeperd, in egressd
const WALLS: &[(&str, &str, &str)] = &[
    ("tcp_socket", NO_ROW, "done"),
    ("tcp6_socket", NO_ROW, "done"),
    ("udp_socket", NO_ROW, NO_ROW),
    ("raw_socket", NO_ROW, NO_ROW),
    ("mptcp_socket", NO_ROW, NO_ROW),
    ("sctp_socket", NO_ROW, NO_ROW),
    ("unix_socket", NO_ROW, NO_ROW),
    ("netlink_socket", NO_ROW, NO_ROW),
    ("vsock_socket", NO_ROW, NO_ROW),
    ("packet_socket", NO_ROW, NO_ROW),
    ("connect_open_port", NO_ROW, "done"),
    ("connect_closed_port", NO_ROW, FENCED),
    ("connect_public", NO_ROW, FENCED),
    ("connect_by_sending", NO_ROW, NO_ROW),
    ("connect_abstract", NO_ROW, NO_ROW),
    ("bind", NO_ROW, NO_ROW),
    ("listen", NO_ROW, NO_ROW),
    ("open_passwd", FENCED, NO_ROW),
    ("open_own_memory", FENCED, NO_ROW),
    ("write_grants", FENCED, NO_ROW),
    ("read_grants", "done", NO_ROW),
    ("create_outside", FENCED, NO_ROW),
    ("create_inside", "done", NO_ROW),
    ("symlink", NO_ROW, NO_ROW),
    ("chmod", NO_ROW, NO_ROW),
    ("exec", KILLED, KILLED),
    ("execveat", KILLED, KILLED),
    ("fork", NO_ROW, NO_ROW),
    ("clone3", NO_ROW, NO_ROW),
    ("thread", NO_ROW, NO_ROW),
    ("ptrace", KILLED, KILLED),
    ("process_vm_readv", KILLED, KILLED),
    ("pidfd_getfd", KILLED, KILLED),
    ("pidfd_open", NO_ROW, NO_ROW),
    ("kill", NO_ROW, NO_ROW),
    ("tgkill", NO_ROW, NO_ROW),
    ("tgkill_abort", NO_ROW, NO_ROW),
    ("mmap_exec", NO_ROW, NO_ROW),
    ("mmap_write", "done", "done"),
    ("mprotect_exec", NO_ROW, NO_ROW),
    ("pkey_mprotect", NO_ROW, NO_ROW),
    ("personality", NO_ROW, NO_ROW),
    ("memfd_create", NO_ROW, NO_ROW),
    ("shmget", NO_ROW, NO_ROW),
    ("io_uring", KILLED, KILLED),
    ("bpf", KILLED, KILLED),
    ("userfaultfd", KILLED, KILLED),
    ("keyctl", KILLED, KILLED),
    ("init_module", KILLED, KILLED),
    ("mount", KILLED, KILLED),
    ("setns", KILLED, KILLED),
    ("unshare", NO_ROW, NO_ROW),
    ("setuid", NO_ROW, NO_ROW),
    ("setgroups", NO_ROW, NO_ROW),
    ("capset", NO_ROW, NO_ROW),
    ("setrlimit_core", NO_ROW, NO_ROW),
    ("limits_of_another", NO_ROW, NO_ROW),
    ("dumpable", NO_ROW, NO_ROW),
    ("another_filter", NO_ROW, NO_ROW),
    ("terminal_input", NO_ROW, NO_ROW),
    ("x32", NO_ROW, NO_ROW),
    ("own_signals", NO_ROW, NO_ROW),
    ("file_lock", NO_ROW, NO_ROW),
    ("into_cores", NO_ROW, NO_ROW),
    ("into_children", NO_ROW, NO_ROW),
];

/// INV-03, INV-07.
#[test]
fn every_way_out_of_a_daemon_is_closed() {
    let mut ground = Ground::new();
    let mut wrong = Vec::new();
    for (attempt, keeperd, egressd) in WALLS {
        for (daemon, expected) in [("keeperd", keeperd), ("egressd", egressd)] {
            let came_of_it = ground.tried(daemon, attempt);
            if came_of_it != *expected {
                wrong.push(format!("{daemon}: {attempt}: {came_of_it} and not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ground.stranger_lives());
}

/// What it leaves to its children is what they need; the rest is closed to itself too.
#[test]
fn the_launcher_makes_no_socket_but_streams_of_tcp_and_unix_and_sets_no_other_processs_limits() {
    let ground = Ground::new();
    let refused = [
        "udp_socket",
        "raw_socket",
        "mptcp_socket",
        "sctp_socket",
        "netlink_socket",
        "vsock_socket",
        "packet_socket",
        "connect_by_sending",
        "bind",
        "listen",
        "own_signals",
        "file_lock",
        "limits_of_another",
        "terminal_input",
    ];
    for attempt in refused {
        assert_eq!(ground.tried("secret-broker", attempt), NO_ROW, "{attempt}");
    }
    // For the session bus, which a keychain's helper connects to before it is confined.
    assert_eq!(ground.tried("secret-broker", "unix_socket"), "done");
}

#[test]
fn being_confined_costs_a_daemon_less_than_20_milliseconds() {
    let ground = Ground::new();
    let home = ground.home().display().to_string();
    for daemon in ["keeperd", "egressd"] {
        // The best of a few: the machine may be busy with other tests.
        let cost = || run(&["cost", daemon, &home]).parse::<u32>().unwrap();
        let best = std::iter::repeat_with(cost).take(5).min().unwrap();
        assert!(best < 20_000, "{daemon}: {best} us");
    }
}
