//! What the process tests share: a provider that stands in for a real one, and a world (a home, a
//! broker, a client) to try the built binaries in; and a look into their memory.
//!
//! Nothing of this is linked into a process that is shipped, and nothing here may be needed by
//! one. The tests themselves are in the folders beside `src/`, one target an area.

#[expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "as for the world below")]
pub mod paste;
#[expect(clippy::expect_used, reason = "as for the world: a look runs inside a test only")]
pub mod scan;
pub mod standin;
mod typed;

#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a world runs inside a test only, where a panic is how a failure is told"
)]
pub mod world;
