//! What a keeper calls beyond what every process does: files below UGENT_HOME, and its lanes.
//!
//! No socket, connect, bind, listen, exec, fork; no memory that can be executed.

use nix::libc::{
    SYS_accept4, SYS_fallocate, SYS_fcntl, SYS_fdatasync, SYS_fsync, SYS_getdents64, SYS_geteuid, SYS_ioctl,
    SYS_newfstatat, SYS_openat, SYS_pipe2, SYS_pread64, SYS_pwrite64, SYS_read, SYS_statx,
};
#[cfg(target_arch = "x86_64")]
use nix::libc::{SYS_mkdir, SYS_poll, SYS_rename, SYS_unlink};
#[cfg(not(target_arch = "x86_64"))]
use nix::libc::{SYS_mkdirat, SYS_ppoll, SYS_renameat, SYS_unlinkat};
use unix::syscalls::base::{COPIED, NON_BLOCKING};
use unix::syscalls::{Arg, Row};

/// Takes room. Other modes punch holes into what is there, or move it.
const TAKES_ROOM: &[&[Arg]] = &[&[Arg::Is(1, 0)]];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_poll, "the loop waits on every lane"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_ppoll, "the loop waits on every lane"),
    Row::any(SYS_accept4, "keeperd.sock, which was passed on"),
    Row::when(SYS_ioctl, "a connection that was accepted is made not to block", NON_BLOCKING),
    Row::any(SYS_read, "files; bells; what inotify has seen"),
    Row::when(SYS_fcntl, "the catalog is opened anew after an error, on a copy", COPIED),
    Row::any(SYS_openat, "grants and providers when they change; sealed files; segments"),
    Row::any(SYS_geteuid, "whether a directory is ours: a refusal would read as another uid"),
    Row::any(SYS_statx, "owner and mode before a file is believed"),
    Row::any(SYS_newfstatat, "a directory is read; newer C libraries ask fstat(2) for it"),
    Row::any(SYS_getdents64, "orphans of a crash; numbers of segments"),
    Row::any(SYS_pread64, "the catalog; the sealed head"),
    Row::any(SYS_pwrite64, "the catalog; records"),
    Row::when(SYS_fallocate, "room for records is taken before it is needed", TAKES_ROOM),
    Row::any(SYS_fdatasync, "INV-04: the record is on disk before the value leaves"),
    Row::any(SYS_fsync, "INV-12: a deposit's file and its name are on disk before the catalog has it"),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_mkdir, "init: vault/ and audit/"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_mkdirat, "init: vault/ and audit/"),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_rename, "a header or token takes the place of the old one at once"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_renameat, "a header or token takes the place of the old one at once"),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_unlink, "sealed files of removed versions; orphans"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_unlinkat, "sealed files of removed versions; orphans"),
    Row::any(SYS_pipe2, "an empty file in the place of a head that is missing"),
];
