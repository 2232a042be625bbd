//! The allocator of every process of the broker: what is freed is wiped first.
//!
//! A second net, not the first: values live in locked slots and never on the heap (INV-01). What
//! this catches is what others copy without our doing: a provider's echo in a read buffer, a line
//! of a terminal, a library's scratch. It must never be relied on instead of a slot, since memory
//! that is still in use, stacks and registers are beyond it, as is what C code frees by itself.
//!
//! The fence around this crate's unsafe code, which is all of it.

#![expect(unsafe_code, reason = "an allocator has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::asm;
use std::ptr;

/// The greatest alignment at which the system's allocator shrinks a block where it is.
const SHRINKS_IN_PLACE: usize = 16;

/// An allocator that wipes what goes back to the one beneath it.
pub struct Wiping<A = System>(A);

impl Wiping {
    /// Over the system's: glibc's malloc.
    pub const SYSTEM: Self = Self(System);
}

// SAFETY: every block comes from the allocator beneath and goes back to it with the layout it was
// asked for; between the two it is only written to, within that layout, before it goes back.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of that layout, and its content is of no more use.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let old = layout.size();
        if size <= old && shrinks_in_place(layout.align(), size) {
            // SAFETY: what is behind `size`, not above the block's size, is of no more use; and if
            // the block beneath cannot be shrunk, the caller's content still fits before it.
            unsafe { wipe(block.add(size), old - size) };
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.0.realloc(block, layout, size) };
        }
        // Growing in place is not always possible, and else the allocator beneath would free the
        // old block as it is. So the block always moves here.
        // SAFETY: the caller promises that `size`, rounded up to the alignment, is no overflow, and
        // that neither size is zero.
        let moved = unsafe { self.0.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both blocks are at least that long, and the new one is nobody else's.
            unsafe { ptr::copy_nonoverlapping(block, moved, old.min(size)) };
            // SAFETY: the old block is the caller's, of that layout, and given up for the new one.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

/// Whether the system's allocator asks glibc to shrink such a block, which does it where the block
/// is. Else std copies the block and frees the old one behind our back: at a greater alignment, and
/// when what is left is smaller than the alignment.
const fn shrinks_in_place(align: usize, size: usize) -> bool {
    align <= SHRINKS_IN_PLACE && align <= size
}

/// Sets `size` bytes to zero, although nobody will read them.
///
/// # Safety
/// The bytes must be allocated, and nobody else's.
unsafe fn wipe(at: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { ptr::write_bytes(at, 0, size) };
    // SAFETY: no instruction at all. As it may read any memory it was given a pointer to, the
    // compiler cannot drop the writes before it, which it does before a `free` that it can see.
    unsafe { asm!("/* {0} */", in(reg) at, options(nostack, preserves_flags, readonly)) };
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Looks at each block that comes back.
    #[derive(Default)]
    struct Watch {
        returned: RefCell<Vec<(usize, bool)>>,
        shrunk: RefCell<Vec<(usize, usize, bool)>>,
    }

    // SAFETY: the system's allocator, which is only told of between two looks.
    unsafe impl GlobalAlloc for Watch {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the block is still allocated, and was written to as a whole.
            let is_wiped = unsafe { is_zero(block, layout.size()) };
            self.returned.borrow_mut().push((layout.size(), is_wiped));
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(block, layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: as above.
            let is_wiped = unsafe { is_zero(block.add(size), layout.size() - size) };
            self.shrunk.borrow_mut().push((layout.size(), size, is_wiped));
            // SAFETY: the caller's promise.
            unsafe { System.realloc(block, layout, size) }
        }
    }

    unsafe fn is_zero(at: *const u8, size: usize) -> bool {
        // SAFETY: the caller says that so many bytes are there.
        unsafe { std::slice::from_raw_parts(at, size) }.iter().all(|byte| *byte == 0)
    }

    #[test]
    fn a_block_goes_back_wiped_whether_it_is_freed_shrunk_or_moved() {
        for align in [1, 16, 64, 4096] {
            let wiping = Wiping(Watch::default());
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            // SAFETY: every block is used within the size it then has, and freed once with it.
            unsafe {
                let block = wiping.alloc(layout(1000));
                ptr::write_bytes(block, 7, 1000);
                let block = wiping.realloc(block, layout(1000), 600);
                let block = wiping.realloc(block, layout(600), 100_000);
                let kept = std::slice::from_raw_parts(block, 600);
                assert!(kept.iter().all(|byte| *byte == 7), "what was in it is still there");
                ptr::write_bytes(block, 9, 100_000);
                wiping.dealloc(block, layout(100_000));
            }
            let watch = wiping.0;
            let mut returned = watch.returned.into_inner();
            let shrunk = watch.shrunk.into_inner();
            if align > SHRINKS_IN_PLACE {
                assert_eq!(returned.remove(0), (1000, true));
                assert!(shrunk.is_empty());
            } else {
                assert_eq!(shrunk, [(1000, 600, true)]);
            }
            assert_eq!(returned, [(600, true), (100_000, true)]);
        }
    }

    #[test]
    fn a_block_that_shrinks_below_its_alignment_is_wiped_before_it_is_freed() {
        for (align, size) in [(16, 8), (16, 15), (8, 1), (8, 7), (4, 3), (2, 1)] {
            let wiping = Wiping(Watch::default());
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            // SAFETY: every block is used within the size it then has, and freed once with it.
            unsafe {
                let block = wiping.alloc(layout(40));
                ptr::write_bytes(block, 7, 40);
                let block = wiping.realloc(block, layout(40), size);
                assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 7));
                wiping.dealloc(block, layout(size));
            }
            assert!(wiping.0.shrunk.into_inner().is_empty(), "std would copy it: {align}, {size}");
            assert_eq!(wiping.0.returned.into_inner(), [(40, true), (size, true)]);
        }
    }

    #[test]
    fn a_block_shrinks_in_place_down_to_its_alignment() {
        for align in [1, 2, 4, 8, 16] {
            let wiping = Wiping(Watch::default());
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            // SAFETY: as above.
            unsafe {
                let block = wiping.alloc(layout(40));
                ptr::write_bytes(block, 7, 40);
                let block = wiping.realloc(block, layout(40), align);
                wiping.dealloc(block, layout(align));
            }
            assert_eq!(wiping.0.shrunk.into_inner(), [(40, align, true)]);
        }
    }

    #[test]
    fn what_cannot_be_had_leaves_the_block_as_it_is() {
        let wiping = Wiping(Watch::default());
        let layout = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: as above.
        unsafe {
            let block = wiping.alloc(layout);
            ptr::write_bytes(block, 7, 64);
            assert!(wiping.realloc(block, layout, isize::MAX as usize - 64).is_null());
            assert!(std::slice::from_raw_parts(block, 64).iter().all(|byte| *byte == 7));
            wiping.dealloc(block, layout);
        }
        assert_eq!(wiping.0.returned.into_inner(), [(64, true)]);
    }
}
