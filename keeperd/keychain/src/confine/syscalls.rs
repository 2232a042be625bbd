//! What the helper calls beyond what every process does: the bus, which was connected before.
//!
//! No socket, connect, open, exec, fork; no memory that can be executed.

#[cfg(target_arch = "x86_64")]
use nix::libc::SYS_poll;
#[cfg(not(target_arch = "x86_64"))]
use nix::libc::SYS_ppoll;
use nix::libc::{
    SYS_epoll_ctl, SYS_epoll_pwait, SYS_fcntl, SYS_geteuid, SYS_ioctl, SYS_read, SYS_timerfd_settime,
};
use unix::syscalls::Row;
use unix::syscalls::base::{COPIED, NON_BLOCKING};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_poll, "the main thread waits on its lanes"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_ppoll, "the main thread waits on its lanes"),
    Row::any(SYS_epoll_pwait, "the reactor under zbus"),
    Row::any(SYS_epoll_ctl, "the reactor under zbus"),
    Row::any(SYS_timerfd_settime, "the reactor under zbus"),
    Row::when(SYS_ioctl, "the bus's socket is made not to block", NON_BLOCKING),
    Row::when(SYS_fcntl, "a look before a descriptor is closed, in debug builds", COPIED),
    Row::any(SYS_read, "bells: the reactor's and ours"),
    Row::any(SYS_geteuid, "whom the bus is told that we are"),
];
