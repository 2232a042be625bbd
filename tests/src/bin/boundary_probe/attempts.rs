//! What somebody who has taken a process over would try. Each returns the errno, 0 if it was done.

#![expect(unsafe_code, reason = "what must be refused has no safe form; one function makes all calls")]

use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc::{self, c_long};

use super::Given;

pub(super) type Attempt = fn(&Given) -> i32;

/// The attempt of that name.
pub(super) fn named(name: &str) -> Option<Attempt> {
    ALL.iter().chain(super::errands::ALL).find(|(known, _)| *known == name).map(|(_, attempt)| *attempt)
}

const ALL: &[(&str, Attempt)] = &[
    ("tcp_socket", |_| made(libc::AF_INET, libc::SOCK_STREAM, 0)),
    ("tcp6_socket", |_| made(libc::AF_INET6, libc::SOCK_STREAM, 0)),
    ("udp_socket", |_| made(libc::AF_INET, libc::SOCK_DGRAM, 0)),
    ("raw_socket", |_| made(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ("mptcp_socket", |_| made(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)),
    ("sctp_socket", |_| made(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP)),
    ("unix_socket", |_| made(libc::AF_UNIX, libc::SOCK_STREAM, 0)),
    ("unix_datagrams", |_| made(libc::AF_UNIX, libc::SOCK_DGRAM, 0)),
    ("netlink_socket", |_| made(libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    ("vsock_socket", |_| made(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
    ("packet_socket", |_| made(libc::AF_PACKET, libc::SOCK_RAW, 0)),
    ("connect_open_port", |given| connected(given, [127, 0, 0, 1], given.open_port)),
    ("connect_closed_port", |given| connected(given, [127, 0, 0, 1], given.closed_port)),
    ("connect_public", |given| connected(given, [192, 0, 2, 1], given.closed_port)),
    ("connect_by_sending", |given| {
        let to = inet([127, 0, 0, 1], given.closed_port);
        let flags = usize_of(libc::MSG_FASTOPEN);
        call(libc::SYS_sendto, [fd(&given.tcp), at(b"x"), 1, flags, at(&to), to.len()])
    }),
    ("connect_abstract", |given| {
        let mut to = usize_of(libc::AF_UNIX).to_ne_bytes()[..2].to_vec();
        to.extend(format!("\0ugent-probe-{}", given.closed_port).bytes());
        call(libc::SYS_connect, [fd(&given.unix), at(&to), to.len(), 0, 0, 0])
    }),
    ("bind", |given| {
        let to = inet([127, 0, 0, 1], 0);
        call(libc::SYS_bind, [fd(&given.tcp), at(&to), to.len(), 0, 0, 0])
    }),
    ("listen", |given| call(libc::SYS_listen, [fd(&given.tcp), 1, 0, 0, 0, 0])),
    ("open_passwd", |_| opened(Path::new("/etc/passwd"), libc::O_RDONLY)),
    ("open_another_users", |given| opened(&given.home.join("../another_users"), libc::O_RDONLY)),
    ("open_own_memory", |_| opened(Path::new("/proc/self/mem"), libc::O_RDWR)),
    ("write_grants", |given| opened(&given.home.join("secrets.grants.toml"), libc::O_WRONLY)),
    ("read_grants", |given| opened(&given.home.join("secrets.grants.toml"), libc::O_RDONLY)),
    ("create_outside", |given| opened(&given.home.join("planted"), libc::O_CREAT | libc::O_WRONLY)),
    ("create_inside", |given| opened(&given.home.join("secrets/made"), libc::O_CREAT | libc::O_WRONLY)),
    ("symlink", |given| {
        let name = path(&given.home.join("secrets/link"));
        call(
            libc::SYS_symlinkat,
            [at(b"/etc\0"), usize_of(libc::AT_FDCWD), at(name.as_bytes_with_nul()), 0, 0, 0],
        )
    }),
    ("chmod", |given| {
        let name = path(&given.home.join("secrets"));
        call(libc::SYS_fchmodat, [usize_of(libc::AT_FDCWD), at(name.as_bytes_with_nul()), 0o777, 0, 0, 0])
    }),
    // What it executes says what is said of an attempt that was done.
    ("exec", |_| {
        let argv = [at(b"echo\0"), at(b"done\0"), 0];
        call(libc::SYS_execve, [at(b"/bin/echo\0"), argv.as_ptr() as usize, 0, 0, 0, 0])
    }),
    ("execveat", |_| call(libc::SYS_execveat, [0, at(b"/bin/true\0"), 0, 0, 0, 0])),
    ("fork", |_| forked()),
    ("clone3", |_| call(libc::SYS_clone3, [0; 6])),
    ("thread", |_| std::thread::Builder::new().spawn(|| ()).map_or(libc::EPERM, |_| 0)),
    ("ptrace", |given| {
        call(libc::SYS_ptrace, [usize_of(libc::PTRACE_SEIZE.cast_signed()), usize_of(given.peer), 0, 0, 0, 0])
    }),
    ("process_vm_readv", |given| call(libc::SYS_process_vm_readv, [usize_of(given.peer), 0, 0, 0, 0, 0])),
    ("pidfd_getfd", |_| call(libc::SYS_pidfd_getfd, [0; 6])),
    ("pidfd_open", |given| call(libc::SYS_pidfd_open, [pid(given), 0, 0, 0, 0, 0])),
    ("kill", |given| call(libc::SYS_kill, [pid(given), usize_of(libc::SIGKILL), 0, 0, 0, 0])),
    ("terminate", |given| call(libc::SYS_kill, [pid(given), usize_of(libc::SIGTERM), 0, 0, 0, 0])),
    ("tgkill", |given| call(libc::SYS_tgkill, [pid(given), pid(given), usize_of(libc::SIGKILL), 0, 0, 0])),
    ("tgkill_abort", |given| {
        call(libc::SYS_tgkill, [pid(given), pid(given), usize_of(libc::SIGABRT), 0, 0, 0])
    }),
    ("mmap_exec", |_| mapped(libc::PROT_WRITE | libc::PROT_EXEC)),
    ("mmap_write", |_| mapped(libc::PROT_WRITE)),
    ("mprotect_exec", |_| call(libc::SYS_mprotect, [0x1000, 0x1000, usize_of(libc::PROT_EXEC), 0, 0, 0])),
    ("pkey_mprotect", |_| call(libc::SYS_pkey_mprotect, [0; 6])),
    ("personality", |_| call(libc::SYS_personality, [usize_of(libc::READ_IMPLIES_EXEC), 0, 0, 0, 0, 0])),
    ("memfd_create", |_| call(libc::SYS_memfd_create, [at(b"x\0"), 0, 0, 0, 0, 0])),
    ("shmget", |_| call(libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0])),
    ("io_uring", |_| call(libc::SYS_io_uring_setup, [0; 6])),
    ("bpf", |_| call(libc::SYS_bpf, [0; 6])),
    ("userfaultfd", |_| call(libc::SYS_userfaultfd, [0; 6])),
    ("keyctl", |_| call(libc::SYS_keyctl, [0; 6])),
    ("init_module", |_| call(libc::SYS_init_module, [0; 6])),
    ("mount", |_| call(libc::SYS_mount, [0; 6])),
    ("setns", |_| call(libc::SYS_setns, [0; 6])),
    ("unshare", |_| call(libc::SYS_unshare, [usize_of(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0])),
    // With a user namespace nobody needs a privilege for the other.
    ("unshare_mounts", |_| {
        call(libc::SYS_unshare, [usize_of(libc::CLONE_NEWUSER | libc::CLONE_NEWNS), 0, 0, 0, 0, 0])
    }),
    ("unshare_pids", |_| {
        call(libc::SYS_unshare, [usize_of(libc::CLONE_NEWUSER | libc::CLONE_NEWPID), 0, 0, 0, 0, 0])
    }),
    ("chroot", |_| call(libc::SYS_chroot, [0; 6])),
    ("setresuid", |_| call(libc::SYS_setresuid, [usize::MAX, usize::MAX, usize::MAX, 0, 0, 0])),
    ("setresgid", |_| call(libc::SYS_setresgid, [usize::MAX, usize::MAX, usize::MAX, 0, 0, 0])),
    ("setuid", |_| call(libc::SYS_setuid, [0; 6])),
    ("setgroups", |_| call(libc::SYS_setgroups, [0; 6])),
    ("capset", |_| call(libc::SYS_capset, [0; 6])),
    ("setrlimit_core", |_| call(libc::SYS_prlimit64, [0, 4, 0, 0, 0, 0])),
    ("dumpable", |_| call(libc::SYS_prctl, [usize_of(libc::PR_SET_DUMPABLE), 1, 0, 0, 0, 0])),
    ("tracer", |given| call(libc::SYS_prctl, [0x5961_6d61, pid(given), 0, 0, 0, 0])),
    ("another_filter", |_| call(libc::SYS_seccomp, [0; 6])),
    ("a_filter_of_ours", |_| call(libc::SYS_seccomp, [1, 0, 0, 0, 0, 0])),
    ("terminal_input", |_| call(libc::SYS_ioctl, [0, 0x5412, at(b"x"), 0, 0, 0])),
    // Every number of the x32 table is this bit and one of ours.
    ("x32", |_| call(libc::SYS_getpid | 0x4000_0000, [0; 6])),
    ("own_signals", |given| {
        call(libc::SYS_fcntl, [fd(&given.tcp), usize_of(libc::F_SETOWN), pid(given), 0, 0, 0])
    }),
    ("file_lock", |given| call(libc::SYS_fcntl, [fd(&given.tcp), usize_of(libc::F_SETLK), 0, 0, 0, 0])),
    ("into_cores", |_| advised(libc::MADV_DODUMP)),
    ("into_children", |_| advised(libc::MADV_KEEPONFORK)),
    ("limits_of_another", |given| call(libc::SYS_prlimit64, [pid(given), 4, 0, 0, 0, 0])),
];

fn made(family: i32, kind: i32, protocol: i32) -> i32 {
    call(libc::SYS_socket, [usize_of(family), usize_of(kind), usize_of(protocol), 0, 0, 0])
}

fn connected(given: &Given, address: [u8; 4], port: u16) -> i32 {
    let to = inet(address, port);
    call(libc::SYS_connect, [fd(&given.tcp), at(&to), to.len(), 0, 0, 0])
}

fn forked() -> i32 {
    match returned(libc::SYS_clone, [usize_of(libc::SIGCHLD), 0, 0, 0, 0, 0]) {
        // The child, of which nothing is to be said.
        0 => call(libc::SYS_exit_group, [0; 6]),
        -1 => nix::errno::Errno::last_raw(),
        _ => 0,
    }
}

fn opened(name: &Path, flags: i32) -> i32 {
    let name = path(name);
    call(
        libc::SYS_openat,
        [usize_of(libc::AT_FDCWD), at(name.as_bytes_with_nul()), usize_of(flags), 0o600, 0, 0],
    )
}

fn mapped(protection: i32) -> i32 {
    let flags = usize_of(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    call(libc::SYS_mmap, [0, 4096, usize_of(protection), flags, usize::MAX, 0])
}

fn advised(advice: i32) -> i32 {
    call(libc::SYS_madvise, [0, 0, usize_of(advice), 0, 0, 0])
}

/// A sockaddr_in.
fn inet(address: [u8; 4], port: u16) -> Vec<u8> {
    let family = usize_of(libc::AF_INET).to_ne_bytes();
    [&family[..2], &port.to_be_bytes(), &address, &[0; 8]].concat()
}

fn path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

pub(super) fn at(bytes: &[u8]) -> usize {
    bytes.as_ptr() as usize
}

pub(super) fn fd(fd: &impl AsRawFd) -> usize {
    usize_of(fd.as_raw_fd())
}

fn pid(given: &Given) -> usize {
    usize_of(given.stranger)
}

/// As the kernel reads a C int: the sign goes into the upper half.
pub(super) fn usize_of(int: i32) -> usize {
    isize::try_from(int).unwrap_or_default().cast_unsigned()
}

pub(super) fn call(number: c_long, arguments: [usize; 6]) -> i32 {
    if returned(number, arguments) == -1 { nix::errno::Errno::last_raw() } else { 0 }
}

fn returned(number: c_long, arguments: [usize; 6]) -> c_long {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: pointers among the arguments are null or to live bytes of the caller, which no call
    // here writes to; what a call that is not refused would do ends with this process.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}
