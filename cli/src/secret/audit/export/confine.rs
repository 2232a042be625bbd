//! What an export gives up before it reads a record: every file but its cursor's directory, the
//! network, other processes. It keeps the descriptors it has, and local datagram sockets.

use std::path::Path;

use nix::libc::{
    AF_UNIX, MSG_FASTOPEN, SOCK_DGRAM, SYS_connect, SYS_fcntl, SYS_fdatasync, SYS_openat, SYS_pread64,
    SYS_sendto, SYS_socket, SYS_statx,
};
#[cfg(target_arch = "x86_64")]
use nix::libc::{SYS_poll, SYS_rename};
#[cfg(not(target_arch = "x86_64"))]
use nix::libc::{SYS_ppoll, SYS_renameat};
use proto::control_lane::Account;
use proto::failure::Failure;
use proto::standing::{Confinement, Layer, NamespaceKind, Strictness};
use unix::fence::Fence;
use unix::jail::{self, Isolation};
use unix::syscalls::base::COPIED;
use unix::syscalls::{Arg, Row, base, killed, newer_libc};

const NAME: &str = "ugent secret audit --export";

/// Of a socket's type: what it is, without SOCK_CLOEXEC and SOCK_NONBLOCK.
const KIND: u64 = 0xf;
/// To a syslog daemon or journald on this machine.
const LOCAL_DATAGRAMS: &[&[Arg]] =
    &[&[Arg::Is(0, AF_UNIX as u64), Arg::Among(1, KIND, SOCK_DGRAM as u64), Arg::Is(2, 0)]];
/// Without an address: to whom the socket is connected.
const TO_NOBODY: &[&[Arg]] = &[&[Arg::Without(3, MSG_FASTOPEN as u64), Arg::Among(4, u64::MAX, 0)]];

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[base::ROWS, newer_libc::ROWS, ROWS];

/// What it calls beyond what every process does.
pub const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_poll, "waits for the next look, for the lane, for room at the sink"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_ppoll, "waits for the next look, for the lane, for room at the sink"),
    Row::any(SYS_pread64, "segments, through descriptors that keeperd gave"),
    Row::any(SYS_openat, "a new cursor, below the one directory the fence leaves"),
    #[cfg(target_arch = "x86_64")]
    Row::any(SYS_rename, "a new cursor takes the place of the old one"),
    #[cfg(not(target_arch = "x86_64"))]
    Row::any(SYS_renameat, "a new cursor takes the place of the old one"),
    Row::any(SYS_fdatasync, "records are in the file before the cursor says so"),
    Row::any(SYS_statx, "whether the sink's file is still the one under its name"),
    Row::when(SYS_fcntl, "a segment is read twice, on a copy", COPIED),
    Row::when(SYS_socket, "a sink that is a socket", LOCAL_DATAGRAMS),
    Row::any(SYS_connect, "that socket; other kinds cannot be made"),
    Row::when(SYS_sendto, "a record, to that socket", TO_NOBODY),
];

/// Nobody can look into this process.
pub(super) struct Undumpable(jail::Undumpable);

/// No privilege is left.
pub(super) struct Isolated(jail::Isolated);

/// The first surrenders.
pub(super) fn before_start() -> Result<Undumpable, Failure> {
    jail::before_start(NAME).map(Undumpable)
}

impl Undumpable {
    pub(super) fn isolate(
        self,
        strictness: Strictness,
        account: Option<Account>,
    ) -> Result<Isolated, Failure> {
        let namespaces = &[NamespaceKind::Net, NamespaceKind::Ipc, NamespaceKind::Uts];
        self.0.isolate(&Isolation { strictness, namespaces, account }).map(Isolated)
    }
}

impl Isolated {
    /// The rest, once the sink is open.
    pub(super) fn confine(self, cursors: &Path) -> Result<Confinement, Failure> {
        let jailed = self.0.jail(Fence::closed().writing(cursors), &[Layer::Files])?;
        jailed.confine(ALLOWED, &[killed::ALWAYS, killed::IN_DAEMONS])
    }
}
