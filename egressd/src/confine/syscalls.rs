//! What egressd calls beyond what every process does: TCP connections, in and out.
//!
//! No open, exec, fork, bind, listen; no socket but of TCP, so no datagram, packet, netlink, vsock
//! or Unix socket; no memory that can be executed.

use nix::libc::{
    AF_INET, AF_INET6, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, IPPROTO_TCP, MSG_FASTOPEN, SOCK_STREAM,
    SYS_accept4, SYS_connect, SYS_epoll_ctl, SYS_fcntl, SYS_recvfrom, SYS_sendto, SYS_setsockopt,
    SYS_shutdown, SYS_socket, SYS_writev, TCP_NODELAY,
};
#[cfg(not(target_arch = "x86_64"))]
use nix::libc::{SYS_epoll_pwait, SYS_ppoll};
#[cfg(target_arch = "x86_64")]
use nix::libc::{SYS_epoll_wait, SYS_poll};
use unix::syscalls::{Arg, Row};

/// Of a socket's type: what it is, without SOCK_CLOEXEC and SOCK_NONBLOCK.
const KIND: u64 = 0xf;
const ALL: u64 = u64::MAX;

/// Protocol 0 is TCP then. SCTP and MPTCP, which Landlock knows no ports of, have numbers.
const TCP: &[&[Arg]] = &[
    &[Arg::Is(0, AF_INET as u64), Arg::Among(1, KIND, SOCK_STREAM as u64), Arg::Is(2, 0)],
    &[Arg::Is(0, AF_INET6 as u64), Arg::Among(1, KIND, SOCK_STREAM as u64), Arg::Is(2, 0)],
];
/// With an address it could connect (MSG_FASTOPEN), past the checks that connect(2) meets.
const TO_NOBODY: &[&[Arg]] = &[&[Arg::Without(3, MSG_FASTOPEN as u64), Arg::Among(4, ALL, 0)]];
const NO_DELAY: &[&[Arg]] = &[&[Arg::Is(1, IPPROTO_TCP as u64), Arg::Is(2, TCP_NODELAY as u64)]];

/// What base's COPIED says, and a look whether a socket blocks, which tokio takes in debug builds.
const COPIED: &[&[Arg]] =
    &[&[Arg::Is(1, F_GETFD as u64)], &[Arg::Is(1, F_GETFL as u64)], &[Arg::Is(1, F_DUPFD_CLOEXEC as u64)]];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_epoll_wait, "a worker's event loop"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_epoll_pwait, "a worker's event loop"),
    Row::any(SYS_epoll_ctl, "sockets come and go"),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_poll, "the main thread waits for orders; workers look whether a client is gone"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_ppoll, "the main thread waits for orders; workers look whether a client is gone"),
    Row::any(SYS_accept4, "clients, from listeners that were passed on"),
    Row::when(SYS_socket, "to providers and name servers", TCP),
    Row::any(SYS_connect, "to providers and name servers; Landlock checks the port"),
    Row::when(SYS_fcntl, "listeners are copied for each worker", COPIED),
    Row::any(SYS_recvfrom, "from clients and providers"),
    Row::when(SYS_sendto, "to clients and providers", TO_NOBODY),
    Row::any(SYS_writev, "to clients and providers, head and body at once"),
    Row::any(SYS_shutdown, "the end of a connection"),
    Row::when(SYS_setsockopt, "events of a stream are not held back", NO_DELAY),
];
