//! What the launcher and, since filters are inherited, its children call: to supervise, to start a
//! program, to confine it, and what the programs do then. A child's own filter is narrower.

use nix::libc::*;
use unix::syscalls::base::{ABORTS, NON_BLOCKING, NOT_CONNECTING, OF_ANY_SOCKET};
use unix::syscalls::{Arg, Row};

const SUPERVISE: &str = "the launcher supervises";
const START: &str = "a program starts: its loader and C library";
const PREPARE: &str = "a daemon opens what it will need";
const CONFINE: &str = "a daemon confines itself";
const BECOME: &str = "a daemon becomes its own user, and looks whether it has";
const SERVE: &str = "a daemon serves; its own table says what for";
const ALL: &str = "every process: memory, threads, time, an end";

/// Kills, and asks nothing else of a process.
const SIGKILLS: &[&[Arg]] = &[&[Arg::Is(1, SIGKILL as u64)]];
const FORKS: &[&[Arg]] = &[&[Arg::Without(0, NAMESPACES)]];
/// Namespaces a daemon has of its own, and no others.
const ITS_OWN: &[&[Arg]] =
    &[&[Arg::Without(0, !((CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) as u64))]];
const NAMESPACES: u64 = (CLONE_NEWUSER
    | CLONE_NEWNET
    | CLONE_NEWIPC
    | CLONE_NEWUTS
    | CLONE_NEWNS
    | CLONE_NEWPID
    | CLONE_NEWCGROUP) as u64;
const LAYERS: &[&[Arg]] = &[
    &[Arg::Is(0, PR_SET_DUMPABLE as u64), Arg::Is(1, 0)],
    &[Arg::Is(0, PR_GET_DUMPABLE as u64)],
    &[Arg::Is(0, PR_SET_NO_NEW_PRIVS as u64)],
    &[Arg::Is(0, PR_GET_NO_NEW_PRIVS as u64)],
    &[Arg::Is(0, PR_CAPBSET_READ as u64)],
    &[Arg::Is(0, PR_CAPBSET_DROP as u64)],
    &[Arg::Is(0, PR_CAP_AMBIENT as u64)],
    &[Arg::Is(0, PR_SET_NAME as u64)],
];
const UNIX: &[&[Arg]] = &[&[Arg::Is(0, AF_UNIX as u64), Arg::Is(2, 0)]];
/// Of a socket's type: what it is, without SOCK_CLOEXEC and SOCK_NONBLOCK.
const KIND: u64 = 0xf;
/// Of the Unix kind: the session bus, which a keychain's helper connects to before it is confined, and
/// datagrams, to which an export of the journal may go.
const TCP_OR_LOCAL: &[&[Arg]] = &[
    &[Arg::Is(0, AF_INET as u64), Arg::Among(1, KIND, SOCK_STREAM as u64), Arg::Is(2, 0)],
    &[Arg::Is(0, AF_INET6 as u64), Arg::Among(1, KIND, SOCK_STREAM as u64), Arg::Is(2, 0)],
    &[Arg::Is(0, AF_UNIX as u64), Arg::Among(1, KIND, SOCK_STREAM as u64), Arg::Is(2, 0)],
    &[Arg::Is(0, AF_UNIX as u64), Arg::Among(1, KIND, SOCK_DGRAM as u64), Arg::Is(2, 0)],
];
const NO_DELAY: &[&[Arg]] = &[&[Arg::Is(1, IPPROTO_TCP as u64), Arg::Is(2, TCP_NODELAY as u64)]];
/// The commands the daemons' tables say the reasons of.
const COPIED: &[&[Arg]] =
    &[&[Arg::Is(1, F_GETFD as u64)], &[Arg::Is(1, F_GETFL as u64)], &[Arg::Is(1, F_DUPFD_CLOEXEC as u64)]];
const TAKES_ROOM: &[&[Arg]] = &[&[Arg::Is(1, 0)]];
/// Whole, for oneself alone, without waiting.
const TRIES: &[&[Arg]] = &[&[Arg::Is(1, (LOCK_EX | LOCK_NB) as u64)]];
/// Of the process that asks, not of another.
const OWN_LIMITS: &[&[Arg]] = &[&[Arg::Is(0, 0)]];
/// A group of its own for the process that asks.
const OWN_GROUP: &[&[Arg]] = &[&[Arg::Is(0, 0), Arg::Is(1, 0)]];
/// Where one stands in a file, and no more.
const WHERE: &[&[Arg]] = &[&[Arg::Is(1, 0), Arg::Is(2, SEEK_CUR as u64)]];
/// One more filter.
const FILTERS: &[&[Arg]] = &[&[Arg::Is(0, SECCOMP_SET_MODE_FILTER as u64)]];
/// With an address it could connect (MSG_FASTOPEN), past the checks that connect(2) meets.
const TO_NOBODY: &[&[Arg]] = &[&[Arg::Without(3, MSG_FASTOPEN as u64), Arg::Among(4, u64::MAX, 0)]];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_poll, SUPERVISE),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_readlink, SUPERVISE),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_unlink, SUPERVISE),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_ppoll, SUPERVISE),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_readlinkat, SUPERVISE),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_unlinkat, SUPERVISE),
    Row::any(SYS_recvmsg, SUPERVISE),
    Row::any(SYS_read, SUPERVISE),
    Row::any(SYS_write, SUPERVISE),
    Row::any(SYS_wait4, SUPERVISE),
    Row::any(SYS_pidfd_open, SUPERVISE),
    Row::any(SYS_getpid, SUPERVISE),
    Row::when(SYS_sendmsg, SUPERVISE, NOT_CONNECTING),
    Row::when(SYS_sendto, SERVE, TO_NOBODY),
    Row::when(SYS_kill, "a child that does not end is killed", SIGKILLS),
    Row::when(SYS_socketpair, "lanes", UNIX),
    Row::any(SYS_execve, "a daemon is started"),
    Row::any(SYS_clone3, "a daemon is started; a daemon's threads"),
    Row::when(SYS_clone, "a daemon tries for a user namespace in a child", FORKS),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_access, START),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_arch_prctl, START),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_dup2, START),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_faccessat, START),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_dup3, START),
    Row::any(SYS_set_tid_address, START),
    Row::any(SYS_set_robust_list, START),
    Row::any(SYS_rseq, START),
    Row::when(SYS_prlimit64, START, OWN_LIMITS),
    Row::any(SYS_uname, START),
    Row::when(SYS_setpgid, START, OWN_GROUP),
    Row::any(SYS_chdir, START),
    Row::any(SYS_gettid, START),
    Row::any(SYS_sched_getaffinity, START),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_mkdir, PREPARE),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_rename, PREPARE),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_mkdirat, PREPARE),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_renameat, PREPARE),
    Row::any(SYS_openat, PREPARE),
    Row::any(SYS_statx, PREPARE),
    Row::any(SYS_newfstatat, PREPARE),
    Row::any(SYS_getdents64, PREPARE),
    Row::when(
        SYS_lseek,
        "resolv.conf, hosts, roots: std asks where it stands before it reads a file whole",
        WHERE,
    ),
    Row::when(SYS_flock, "the catalog is opened by one keeper at a time", TRIES),
    Row::any(SYS_getsockname, PREPARE),
    Row::any(SYS_inotify_init1, PREPARE),
    Row::any(SYS_inotify_add_watch, PREPARE),
    Row::any(SYS_eventfd2, PREPARE),
    Row::any(SYS_epoll_create1, PREPARE),
    Row::any(SYS_timerfd_create, PREPARE),
    Row::any(SYS_timerfd_settime, SERVE),
    Row::any(SYS_geteuid, PREPARE),
    Row::any(SYS_getegid, PREPARE),
    Row::when(SYS_unshare, CONFINE, ITS_OWN),
    Row::when(SYS_prctl, CONFINE, LAYERS),
    Row::any(SYS_capget, CONFINE),
    Row::any(SYS_capset, CONFINE),
    Row::when(SYS_seccomp, CONFINE, FILTERS),
    Row::any(SYS_landlock_create_ruleset, CONFINE),
    Row::any(SYS_landlock_add_rule, CONFINE),
    Row::any(SYS_landlock_restrict_self, CONFINE),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_epoll_wait, SERVE),
    Row::any(SYS_epoll_pwait, SERVE),
    Row::any(SYS_epoll_ctl, SERVE),
    Row::any(SYS_accept4, SERVE),
    Row::any(SYS_connect, SERVE),
    Row::any(SYS_recvfrom, SERVE),
    Row::any(SYS_writev, SERVE),
    Row::any(SYS_shutdown, SERVE),
    Row::when(SYS_setsockopt, SERVE, NO_DELAY),
    Row::when(SYS_getsockopt, SERVE, OF_ANY_SOCKET),
    Row::any(SYS_pread64, SERVE),
    Row::any(SYS_pwrite64, SERVE),
    Row::when(SYS_fallocate, SERVE, TAKES_ROOM),
    Row::any(SYS_fdatasync, SERVE),
    Row::any(SYS_fsync, SERVE),
    Row::any(SYS_pipe2, SERVE),
    Row::when(SYS_socket, SERVE, TCP_OR_LOCAL),
    Row::any(SYS_mmap, "every process; the loader maps programs to be executed"),
    Row::any(SYS_mprotect, "every process; the loader's relocations"),
    Row::any(SYS_close, ALL),
    Row::when(SYS_fcntl, ALL, COPIED),
    Row::when(SYS_ioctl, ALL, NON_BLOCKING),
    Row::any(SYS_mremap, ALL),
    Row::any(SYS_munmap, ALL),
    Row::any(SYS_brk, ALL),
    Row::any(SYS_madvise, ALL),
    Row::any(SYS_memfd_secret, ALL),
    Row::any(SYS_ftruncate, ALL),
    Row::any(SYS_mlock, ALL),
    Row::any(SYS_futex, ALL),
    Row::any(SYS_sched_yield, ALL),
    Row::any(SYS_getrandom, ALL),
    Row::any(SYS_clock_gettime, ALL),
    Row::any(SYS_restart_syscall, ALL),
    Row::any(SYS_rt_sigaction, ALL),
    Row::any(SYS_rt_sigprocmask, ALL),
    Row::any(SYS_rt_sigreturn, ALL),
    Row::any(SYS_sigaltstack, ALL),
    Row::when(SYS_tgkill, ALL, ABORTS),
    Row::any(SYS_exit, ALL),
    Row::any(SYS_exit_group, ALL),
];

/// With `--system` besides.
pub(super) const SYSTEM_ROWS: &[Row] = &[
    Row::any(SYS_setgroups, BECOME),
    Row::any(SYS_setresgid, BECOME),
    Row::any(SYS_setresuid, BECOME),
    Row::any(SYS_getgroups, BECOME),
    Row::any(SYS_getresgid, BECOME),
    Row::any(SYS_getresuid, BECOME),
];
