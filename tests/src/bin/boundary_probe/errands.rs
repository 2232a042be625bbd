//! What a process does at odd moments only: faults, ends that are none of its own doing, and what
//! depends on the kernel or the C library. Its filter must allow all of it.

#![expect(unsafe_code, reason = "faults have no safe form")]

use std::hint::black_box;

use nix::libc;

use super::attempts::{Attempt, at, call, fd, usize_of};

pub(super) const ALL: &[(&str, Attempt)] = &[
    ("abort", |_| std::process::abort()),
    ("abort_though_ignored", |_| {
        // SAFETY: no handler, so nothing runs in it.
        unsafe { libc::signal(libc::SIGABRT, libc::SIG_IGN) };
        std::process::abort()
    }),
    ("panic", |_| panics()),
    ("fault", |_| {
        // SAFETY: none: a fault is what is tried.
        unsafe { std::ptr::null::<u8>().wrapping_add(8).read_volatile().into() }
    }),
    ("fault_in_a_file", |_| past_the_end()),
    ("overflow", |_| i32::from(deep(0) == 0)),
    ("yield", |_| {
        std::thread::yield_now();
        0
    }),
    ("clock", |_| {
        let time = [0_u64; 2];
        call(libc::SYS_clock_gettime, [usize_of(libc::CLOCK_MONOTONIC), time.as_ptr() as usize, 0, 0, 0, 0])
    }),
    ("memory", |_| {
        let small: Vec<Box<[u8; 1000]>> = (0..1000).map(|_| Box::new([1; 1000])).collect();
        let mut large = vec![1_u8; 1 << 20];
        large.reserve_exact(8 << 20);
        black_box((small, large));
        0
    }),
    ("is_open", |given| asked(given, libc::F_GETFD)),
    ("flags", |given| asked(given, libc::F_GETFL)),
    ("copied", |given| asked(given, libc::F_DUPFD_CLOEXEC)),
    ("fstat", |given| {
        let stat = [0_u8; 256];
        call(libc::SYS_fstat, [fd(&given.tcp), stat.as_ptr() as usize, 0, 0, 0, 0])
    }),
    ("newfstatat", |given| {
        let stat = [0_u8; 256];
        let flags = usize_of(libc::AT_EMPTY_PATH);
        call(libc::SYS_newfstatat, [fd(&given.tcp), at(b"\0"), stat.as_ptr() as usize, flags, 0, 0])
    }),
];

#[expect(clippy::panic, reason = "it is what is tried")]
fn panics() -> i32 {
    unix::panic_hook::install("boundary-probe");
    panic!("tried")
}

fn asked(given: &super::Given, command: i32) -> i32 {
    call(libc::SYS_fcntl, [fd(&given.tcp), usize_of(command), 0, 0, 0, 0])
}

/// Reads a mapping of a file that has nothing in it.
fn past_the_end() -> i32 {
    // SAFETY: takes an integer, returns a descriptor.
    let file = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let Ok(file) = i32::try_from(file) else { return libc::EBADF };
    // SAFETY: a mapping at a place of the kernel's choice.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, file, 0) };
    if base == libc::MAP_FAILED {
        return nix::errno::Errno::last_raw();
    }
    // SAFETY: none: a fault is what is tried.
    unsafe { base.cast::<u8>().read_volatile().into() }
}

/// Until there is no stack left.
fn deep(depth: u64) -> u64 {
    let room = black_box([depth; 512]);
    if depth == u64::MAX { 0 } else { deep(black_box(depth + 1)).wrapping_add(room.len() as u64) }
}
