//! What the allocator asks of the system but once, asked while it may still be asked.
//!
//! Nothing of a request is ever here.

use std::hint::black_box;
use std::io;

/// What is freed at once, and in which blocks: smaller than those that are mapped by themselves, and
/// together well above the threshold at which memory goes back to the kernel.
const GIVEN_BACK: usize = 4 * 1024 * 1024;
const BLOCK: usize = 64 * 1024;

/// The first time that a thread's heap shrinks, glibc opens a file of `/proc` to learn how, and
/// remembers. The filter would refuse that; glibc does without, but a call that is refused should
/// mean something. In a thread of its own, whose heap nobody else grows into.
pub(crate) fn give_back() -> io::Result<()> {
    let asks = || {
        let blocks = (0..GIVEN_BACK / BLOCK).map(|_| vec![0_u8; BLOCK]);
        drop(black_box(blocks.collect::<Vec<_>>()));
    };
    let thread = std::thread::Builder::new().name("heap".to_owned()).spawn(asks)?;
    thread.join().map_err(|_| io::Error::other("a thread ended badly"))
}
