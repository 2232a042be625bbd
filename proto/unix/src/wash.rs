//! Clears the vector registers after a value went through them: the fence around this crate's
//! unsafe code that has to do with registers.
//!
//! Copying and encrypting leave the last 16 to 64 bytes they touched in vector registers, where
//! they stay for as long as the thread sleeps, and are saved to memory by the kernel (INV-06).
//! Ciphers and hashes spill pieces to the stack, where they stay until another call happens to
//! write there.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "registers have no safe form"))]

/// Clears what calls that have returned left on this thread's stack, as deep as `BYTES` below the
/// caller, and then the vector registers. 16 KiB take a fraction of a microsecond.
///
/// What was done must have been done in calls of the caller's, not inlined into it: its own frame
/// is not touched.
#[inline(never)]
pub fn stack<const BYTES: usize>() {
    let mut dead = [0_u8; BYTES];
    // The array is as good as read by somebody, so it must be zeros.
    std::hint::black_box(&mut dead);
    registers();
}

/// Clears the vector registers of this thread. A few nanoseconds.
pub fn registers() {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has AVX, as was just asked.
            unsafe { low() };
        } else {
            oldest();
        }
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512, as was just asked.
            unsafe { high() };
        }
    }
}

/// 0 to 15, in their whole width.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn low() {
    std::arch::x86_64::_mm256_zeroall();
}

/// 0 to 15 where they are 16 bytes wide: on a processor, or under a kernel, without AVX. Where they
/// are wider, this would leave their upper parts.
#[cfg(target_arch = "x86_64")]
fn oldest() {
    // SAFETY: SSE2 is in every x86_64; touches nothing but registers that every call may change,
    // and says so.
    unsafe {
        std::arch::asm!(
            "pxor xmm0, xmm0",
            "pxor xmm1, xmm1",
            "pxor xmm2, xmm2",
            "pxor xmm3, xmm3",
            "pxor xmm4, xmm4",
            "pxor xmm5, xmm5",
            "pxor xmm6, xmm6",
            "pxor xmm7, xmm7",
            "pxor xmm8, xmm8",
            "pxor xmm9, xmm9",
            "pxor xmm10, xmm10",
            "pxor xmm11, xmm11",
            "pxor xmm12, xmm12",
            "pxor xmm13, xmm13",
            "pxor xmm14, xmm14",
            "pxor xmm15, xmm15",
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags)
        );
    }
}

/// 16 to 31, which `vzeroall` leaves alone and memcpy likes to use.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn high() {
    // SAFETY: touches nothing but registers that every call may change, and says so.
    unsafe {
        std::arch::asm!(
            "vpxord zmm16, zmm16, zmm16",
            "vpxord zmm17, zmm17, zmm17",
            "vpxord zmm18, zmm18, zmm18",
            "vpxord zmm19, zmm19, zmm19",
            "vpxord zmm20, zmm20, zmm20",
            "vpxord zmm21, zmm21, zmm21",
            "vpxord zmm22, zmm22, zmm22",
            "vpxord zmm23, zmm23, zmm23",
            "vpxord zmm24, zmm24, zmm24",
            "vpxord zmm25, zmm25, zmm25",
            "vpxord zmm26, zmm26, zmm26",
            "vpxord zmm27, zmm27, zmm27",
            "vpxord zmm28, zmm28, zmm28",
            "vpxord zmm29, zmm29, zmm29",
            "vpxord zmm30, zmm30, zmm30",
            "vpxord zmm31, zmm31, zmm31",
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags)
        );
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// An address in a frame that is gone when this returns, with a mark left there.
    #[inline(never)]
    fn mark(depth: usize) -> usize {
        let frame = std::hint::black_box([0x5a_u8; 512]);
        if depth > 0 { mark(depth - 1) } else { frame.as_ptr().expose_provenance() }
    }

    #[inline(never)]
    fn left_at(place: usize) -> u8 {
        let left: u8;
        // SAFETY: reads a byte of this thread's stack, which is mapped that deep since it was used;
        // by the processor alone, so that no rule about frames that are gone is broken.
        unsafe { std::arch::asm!("mov {}, [{}]", out(reg_byte) left, in(reg) place) };
        left
    }

    #[test]
    fn the_stack_keeps_what_a_call_left_until_it_is_washed() {
        let place = mark(8);
        assert_eq!(left_at(place), 0x5a);
        stack::<{ 16 * 1024 }>();
        assert_eq!(left_at(place), 0);
    }

    #[target_feature(enable = "avx")]
    fn after(between: fn()) -> [u8; 32] {
        let from = [0x5a_u8; 32];
        let mut to = [0_u8; 32];
        // SAFETY: reads 32 bytes of `from` into a register that is declared as changed.
        unsafe { std::arch::asm!("vmovdqu ymm11, [{}]", in(reg) from.as_ptr(), out("ymm11") _) };
        between();
        // SAFETY: writes the register, whatever is in it, to the 32 bytes of `to`.
        unsafe { std::arch::asm!("vmovdqu [{}], ymm11", in(reg) to.as_mut_ptr()) };
        to
    }

    #[test]
    fn a_register_keeps_what_went_through_it_until_it_is_washed() {
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has AVX.
            let (kept, washed) = unsafe { (after(|| ()), after(registers)) };
            assert_eq!((kept, washed), ([0x5a; 32], [0; 32]));
        }
    }

    /// What is in each of the sixteen after they were filled and `between` was called.
    fn sixteen_after(between: fn()) -> [[u8; 16]; 16] {
        let from = [0x5a_u8; 16];
        let mut to = [[0_u8; 16]; 16];
        macro_rules! each {
            ($($number:literal $name:tt)*) => {$(
                // SAFETY: reads 16 bytes of `from` into a register that is declared as changed.
                unsafe {
                    std::arch::asm!(concat!("movdqu ", $name, ", [{}]"), in(reg) from.as_ptr(), out($name) _);
                }
                between();
                // SAFETY: writes the register, whatever is in it, to 16 bytes of `to`.
                unsafe {
                    std::arch::asm!(concat!("movdqu [{}], ", $name), in(reg) to[$number].as_mut_ptr());
                }
            )*};
        }
        each!(0 "xmm0" 1 "xmm1" 2 "xmm2" 3 "xmm3" 4 "xmm4" 5 "xmm5" 6 "xmm6" 7 "xmm7" 8 "xmm8" 9 "xmm9"
            10 "xmm10" 11 "xmm11" 12 "xmm12" 13 "xmm13" 14 "xmm14" 15 "xmm15");
        to
    }

    #[test]
    fn each_of_the_sixteen_is_washed_without_avx_too() {
        assert_eq!(sixteen_after(|| ()), [[0x5a; 16]; 16]);
        assert_eq!(sixteen_after(oldest), [[0; 16]; 16]);
        assert_eq!(sixteen_after(registers), [[0; 16]; 16]);
    }
}
