//! Locked memory, straight from the kernel: the fence around this crate's unsafe code.
//!
//! A mapping is `memfd_secret(2)` memory where the kernel has it (not even root reads it through
//! /proc/PID/mem), else an anonymous mapping with `mlock`, `MADV_DONTDUMP` and `MADV_WIPEONFORK`.
//! Never plain memory: if neither is to be had, there is no mapping.

#![expect(unsafe_code, reason = "mmap, and slices over what it returned, have no safe form")]

use std::fmt;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use nix::libc;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap, mmap_anonymous, munmap};
use zeroize::Zeroize;

/// No locked memory is to be had: the limit (RLIMIT_MEMLOCK) is reached, or memory is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSlot;

impl fmt::Display for NoSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no locked memory is left (see `ulimit -l`)")
    }
}

impl std::error::Error for NoSlot {}

/// A run of locked, zeroed bytes of this process. Unmapped when dropped, wiped before.
pub(super) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the whole process, and `Mapping` hands out its bytes only under
// the borrow rules of `&self` and `&mut self`, like a `Box<[u8]>`.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives only `&[u8]`, and nothing has interior mutability.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps at least `len` bytes, rounded up to pages.
    pub(super) fn new(len: usize) -> Result<Self, NoSlot> {
        const PAGE: usize = 4096;
        let rounded = len.max(1).next_multiple_of(PAGE);
        let size = NonZeroUsize::new(rounded).ok_or(NoSlot)?;
        let base = secret(size).or_else(|NoSlot| locked(size))?;
        Ok(Self { base, len: rounded })
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        // SAFETY: `base` is the start of a readable mapping of `len` bytes that lives as long as
        // `self`; zeroed by the kernel, so initialised; `&self` keeps writers away.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    pub(super) const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and writable; `&mut self` makes this the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// Splits into pieces of `size` bytes that together own the mapping: it lives until the last
    /// of them is dropped, or all of them are one again.
    pub(super) fn into_pieces(self, size: usize) -> Vec<Piece> {
        let count = self.len / size.max(1);
        let whole = Arc::new(self);
        (0..count)
            .map(|index| {
                // SAFETY: `index * size + size <= len`, so the piece lies within the mapping, which
                // lives as long as the piece, by its `whole`; the pieces do not overlap.
                let base = unsafe { whole.base.add(index * size) };
                Piece { base, len: size, whole: Arc::clone(&whole) }
            })
            .collect()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        // SAFETY: `base` and `len` are what mmap returned, and no reference outlives `self`.
        let unmapped = unsafe { munmap(self.base.cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping");
    }
}

/// One of the equal parts of a mapping.
pub(super) struct Piece {
    base: NonNull<u8>,
    len: usize,
    /// Keeps the mapping; its bytes are not touched by it while there are pieces.
    whole: Arc<Mapping>,
}

// SAFETY: as for `Mapping`; pieces do not overlap, so each is the only owner of its bytes.
unsafe impl Send for Piece {}
// SAFETY: as for `Mapping`.
unsafe impl Sync for Piece {}

impl Piece {
    pub(super) const fn bytes(&self) -> &[u8] {
        // SAFETY: the piece lies in a mapping that `whole` keeps, and was zeroed by the kernel;
        // `&self` keeps writers away.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    pub(super) const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes this the only reference to these bytes.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// Which mapping it is of: the same for all of its pieces, and for those of no other.
    pub(super) fn of(&self) -> usize {
        self.whole.base.addr().get()
    }

    /// The mapping that these are all the pieces of; none if one is missing.
    pub(super) fn joined(mut pieces: Vec<Self>) -> Option<Mapping> {
        let last = pieces.pop()?;
        drop(pieces);
        Arc::into_inner(last.whole)
    }
}

fn secret(size: NonZeroUsize) -> Result<NonNull<u8>, NoSlot> {
    // SAFETY: memfd_secret takes one integer and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or(NoSlot)?;
    // SAFETY: the kernel has just returned this descriptor to us alone.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.set_len(size.get() as u64).map_err(|_| NoSlot)?;
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a fresh mapping at an address of the kernel's choice touches no memory of ours; the
    // file is private to it and stays at this length, since its only descriptor is closed here.
    let base = unsafe { mmap(None, size, protection, MapFlags::MAP_SHARED, &file, 0) }.map_err(|_| NoSlot)?;
    // SAFETY: the range is the mapping just made. A child must not share it (it is MAP_SHARED).
    if unsafe { madvise(base, size.get(), MmapAdvise::MADV_DONTFORK) }.is_err() {
        // SAFETY: as above; nothing refers to it yet.
        let _ = unsafe { munmap(base, size.get()) };
        return Err(NoSlot);
    }
    Ok(base.cast())
}

fn locked(size: NonZeroUsize) -> Result<NonNull<u8>, NoSlot> {
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a fresh anonymous mapping touches no memory of ours.
    let base =
        unsafe { mmap_anonymous(None, size, protection, MapFlags::MAP_PRIVATE) }.map_err(|_| NoSlot)?;
    // SAFETY: the range is the mapping just made, by base and size.
    let held = unsafe {
        mlock(base, size.get())
            .and_then(|()| madvise(base, size.get(), MmapAdvise::MADV_DONTDUMP))
            .and_then(|()| madvise(base, size.get(), MmapAdvise::MADV_WIPEONFORK))
    };
    if held.is_err() {
        // SAFETY: as above; nothing refers to it yet.
        let _ = unsafe { munmap(base, size.get()) };
        return Err(NoSlot);
    }
    Ok(base.cast())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: NonNull<u8>, size: NonZeroUsize) {
        let mut mapping = Mapping { base, len: size.get() };
        assert!(mapping.bytes().iter().all(|b| *b == 0));
        mapping.bytes_mut().fill(7);
        assert!(mapping.bytes().iter().all(|b| *b == 7));
    }

    #[test]
    fn both_kinds_of_memory_are_zeroed_and_writable() {
        let size = NonZeroUsize::new(8192).unwrap();
        check(locked(size).unwrap(), size);
        if let Ok(base) = secret(size) {
            check(base, size);
        }
    }

    #[test]
    fn a_mapping_is_whole_again_only_with_all_of_its_pieces() {
        let mut pieces = Mapping::new(8192).unwrap().into_pieces(2048);
        let other = Mapping::new(4096).unwrap().into_pieces(2048);
        assert!(pieces.iter().all(|piece| piece.of() == pieces[0].of() && piece.of() != other[0].of()));
        let mut kept = pieces.pop().unwrap();
        assert!(Piece::joined(pieces).is_none());
        kept.bytes_mut().fill(7);
        assert!(kept.bytes().iter().all(|b| *b == 7), "a piece outlives the others");
        assert_eq!(Piece::joined(other).unwrap().len(), 4096);
    }
}
