//! Calls that newer C libraries make where the one most tests run on makes another that has a row
//! too. Nothing else belongs here: a table is what is called.

use nix::libc::SYS_fstat;

use super::Row;

/// The rows.
pub const ROWS: &[Row] = &[Row::any(
    SYS_fstat,
    "glibc from 2.39 on, for fstat(): before, it was newfstatat(2) with an empty path",
)];
