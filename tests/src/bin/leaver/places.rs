//! The places: the fence around this program's unsafe code.

#![expect(unsafe_code, reason = "registers, and memory that was given back, have no safe form")]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap_anonymous};
use zeroize::Zeroize;

fn sleep() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// In memory that was given back to the allocator.
pub(crate) fn heap(value: &mut [u8]) -> ExitCode {
    // Away from the list pointers that the allocator writes over what it gets back.
    let copy = black_box([&[0_u8; 64][..], value].concat());
    value.zeroize();
    drop(copy);
    sleep()
}

/// In a frame of the stack.
pub(crate) fn stack(value: &mut [u8]) -> ExitCode {
    let mut copy = [0_u8; 4096];
    for (to, from) in copy.iter_mut().zip(value.iter()) {
        *to = *from;
    }
    value.zeroize();
    let _ = black_box(&copy);
    sleep()
}

/// In locked memory that is kept out of cores.
pub(crate) fn locked(value: &mut [u8]) -> ExitCode {
    let Some(size) = NonZeroUsize::new(4096) else { return ExitCode::from(70) };
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a fresh anonymous mapping touches no memory of ours.
    let Ok(base) = (unsafe { mmap_anonymous(None, size, protection, MapFlags::MAP_PRIVATE) }) else {
        return ExitCode::from(71);
    };
    // SAFETY: the range is the mapping just made, which nothing else refers to; `value` is no longer than it.
    unsafe {
        let held = mlock(base, 4096).and_then(|()| madvise(base, 4096, MmapAdvise::MADV_DONTDUMP));
        if held.is_err() {
            return ExitCode::from(71);
        }
        // Byte by byte, or a vector register would keep some.
        for (offset, byte) in value.iter().enumerate() {
            base.cast::<u8>().add(offset).write_volatile(*byte);
        }
    }
    nowhere(value)
}

/// Nowhere any more.
pub(crate) fn nowhere(value: &mut [u8]) -> ExitCode {
    value.zeroize();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: changes nothing but registers, which are said to be changed; the processor has AVX, as
    // was just asked.
    unsafe {
        if std::arch::is_x86_feature_detected!("avx") {
            std::arch::asm!("vzeroall", clobber_abi("C"));
        }
    }
    sleep()
}

/// Eight bytes in a general register, while the thread sleeps.
#[cfg(target_arch = "x86_64")]
pub(crate) fn register(value: &mut [u8]) -> ExitCode {
    let eight = value.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
    value.zeroize();
    // SAFETY: pause(2), system call 34, for ever; touches no memory.
    unsafe {
        std::arch::asm!("2:", "mov eax, 34", "syscall", "jmp 2b", in("r12") eight, options(noreturn));
    }
}

/// Sixteen bytes in a vector register, while the thread sleeps.
#[cfg(target_arch = "x86_64")]
pub(crate) fn vector(value: &mut [u8]) -> ExitCode {
    // SAFETY: `value` has 4096 bytes of room, of which 16 are read and then as many as it is long
    // wiped by `rep stosb`; then pause(2) for ever.
    unsafe {
        std::arch::asm!(
            "movdqu xmm11, [rdi]", "xor eax, eax", "rep stosb",
            "2:", "mov eax, 34", "syscall", "jmp 2b",
            in("rdi") value.as_mut_ptr(), in("rcx") value.len(), options(noreturn)
        );
    }
}

/// 64 bytes in one of the registers that only AVX-512 has, while the thread sleeps.
#[cfg(target_arch = "x86_64")]
pub(crate) fn wide(value: &mut [u8]) -> ExitCode {
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return ExitCode::from(69);
    }
    // SAFETY: as in `vector`, with 64 bytes; the processor has AVX-512, as was just asked.
    unsafe {
        std::arch::asm!(
            "vmovdqu64 zmm21, [rdi]", "xor eax, eax", "rep stosb",
            "2:", "mov eax, 34", "syscall", "jmp 2b",
            in("rdi") value.as_mut_ptr(), in("rcx") value.len(), options(noreturn)
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn register(_: &mut [u8]) -> ExitCode {
    ExitCode::from(69)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn vector(_: &mut [u8]) -> ExitCode {
    ExitCode::from(69)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn wide(_: &mut [u8]) -> ExitCode {
    ExitCode::from(69)
}
