//! What a worker's thread does before it sleeps: what values left behind in its registers, and in
//! the dead part of its stack, goes (INV-06).
//!
//! Registers are washed each time. The stack is, once a value may have gone over it: TLS, hyper and
//! the search spill pieces of what they read and write as deep as they call.

use std::cell::Cell;

use super::wash;

/// Deeper than any call that sees a value: of the optimised build, pieces were found 40 KiB below
/// the thread's start, and of the other 127 KiB.
const WASHED: usize = if cfg!(debug_assertions) { 224 * 1024 } else { 96 * 1024 };

thread_local! {
    static IS_SOILED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a value came to this thread, or that a request with one is over.
pub(crate) fn owe() {
    IS_SOILED.set(true);
}

/// Washes this thread, which is about to sleep.
pub(crate) fn before_sleep() {
    if IS_SOILED.replace(false) {
        wash::stack::<WASHED>();
    } else {
        wash::registers();
    }
}
