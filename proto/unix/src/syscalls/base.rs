//! What every process of the broker needs whatever it does: memory, threads, time, and an end.

use nix::libc::{
    F_DUPFD_CLOEXEC, F_GETFD, FIONBIO, MADV_DONTDUMP, MADV_DONTFORK, MADV_DONTNEED, MADV_WIPEONFORK,
    MSG_FASTOPEN, PROT_EXEC, SIGABRT, SIGBUS, SIGSEGV, SOL_SOCKET, SYS_brk, SYS_clock_gettime, SYS_close,
    SYS_exit, SYS_exit_group, SYS_ftruncate, SYS_futex, SYS_getpid, SYS_getrandom, SYS_getsockopt,
    SYS_gettid, SYS_madvise, SYS_memfd_secret, SYS_mlock, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap,
    SYS_recvmsg, SYS_restart_syscall, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_sched_yield, SYS_sendmsg, SYS_sigaltstack, SYS_tgkill, SYS_write,
};

use super::{Arg, Row};

/// Memory that is asked for cannot be executed.
const NOT_EXECUTABLE: &[&[Arg]] = &[&[Arg::Without(2, PROT_EXEC as u64)]];

/// MSG_FASTOPEN connects while it sends, past the checks that connect(2) meets.
pub const NOT_CONNECTING: &[&[Arg]] = &[&[Arg::Without(2, MSG_FASTOPEN as u64)]];

/// The one ioctl(2) there is: FIONBIO.
pub const NON_BLOCKING: &[&[Arg]] = &[&[Arg::Is(1, FIONBIO)]];

/// The commands of fcntl(2): a look whether a descriptor is open, which std takes in debug builds
/// before it closes one, and a copy. Others direct signals at processes of one's choice (F_SETOWN),
/// or hold files back from others (F_SETLEASE, F_SETLK).
pub const COPIED: &[&[Arg]] = &[&[Arg::Is(1, F_GETFD as u64)], &[Arg::Is(1, F_DUPFD_CLOEXEC as u64)]];

/// What getsockopt(2) tells of any socket: its error, its peer, its type.
pub const OF_ANY_SOCKET: &[&[Arg]] = &[&[Arg::Is(1, SOL_SOCKET as u64)]];

/// Not their opposites: MADV_DODUMP and MADV_KEEPONFORK would undo what keeps values in.
const ADVICE: &[&[Arg]] = &[
    &[Arg::Is(2, MADV_DONTNEED as u64)],
    &[Arg::Is(2, MADV_DONTFORK as u64)],
    &[Arg::Is(2, MADV_DONTDUMP as u64)],
    &[Arg::Is(2, MADV_WIPEONFORK as u64)],
];

/// Without it a fault would come again and again.
const TO_DEFAULT: &[&[Arg]] =
    &[&[Arg::Is(0, SIGSEGV as u64)], &[Arg::Is(0, SIGBUS as u64)], &[Arg::Is(0, SIGABRT as u64)]];

/// A thread ends its process by abort(3), and by no other signal.
pub const ABORTS: &[&[Arg]] = &[&[Arg::Is(2, SIGABRT as u64)]];

/// The rows.
pub const ROWS: &[Row] = &[
    Row::any(SYS_write, "bells, and a last line on stderr"),
    Row::any(SYS_close, "what was opened"),
    Row::any(SYS_recvmsg, "lanes"),
    Row::when(SYS_sendmsg, "lanes", NOT_CONNECTING),
    Row::when(SYS_getsockopt, "who is at the other end; what became of a connect", OF_ANY_SOCKET),
    Row::when(SYS_mmap, "the allocator; locked memory", NOT_EXECUTABLE),
    Row::when(SYS_mprotect, "the allocator grows a thread's arena", NOT_EXECUTABLE),
    Row::any(SYS_mremap, "the allocator resizes what is large; nothing executable is there to begin with"),
    Row::any(SYS_munmap, "the allocator; locked memory"),
    Row::any(SYS_brk, "the allocator"),
    Row::when(SYS_madvise, "a thread's stack at its end; INV-01: what is locked stays in here", ADVICE),
    Row::any(SYS_memfd_secret, "INV-01: locked memory for values"),
    Row::any(SYS_ftruncate, "INV-01: its size; files that are cut"),
    Row::any(SYS_mlock, "INV-01: where there is no memfd_secret"),
    Row::any(SYS_futex, "threads wait for each other"),
    Row::any(SYS_sched_yield, "a lock that is about to be free"),
    Row::any(SYS_getrandom, "nonces, placeholders, hash seeds"),
    Row::any(SYS_clock_gettime, "where the vDSO cannot answer"),
    Row::any(SYS_restart_syscall, "the kernel's own, after a stop and a continue"),
    Row::any(SYS_rt_sigprocmask, "a thread's end; abort"),
    Row::when(
        SYS_rt_sigaction,
        "std's handler of faults, and abort, set them back to the default",
        TO_DEFAULT,
    ),
    Row::any(SYS_rt_sigreturn, "the end of a signal handler: std's, for stack overflows"),
    Row::any(SYS_sigaltstack, "a thread's end gives its signal stack back"),
    Row::any(SYS_getpid, "abort"),
    Row::any(SYS_gettid, "abort"),
    Row::when(SYS_tgkill, "abort signals its own thread", ABORTS),
    Row::any(SYS_exit, "a thread's end"),
    Row::any(SYS_exit_group, "the end"),
];
