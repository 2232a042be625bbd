//! Output of a child with its values in it: stars take their place, whatever pieces it comes in.
//!
//! Looked for are a value as it is, and what it becomes in base64 and in a URL (`forms`). All of it is
//! in locked memory: what is looked for, what is looked at, and what is kept for the next piece.

mod filter;
mod forms;
mod patterns;
mod pump;

pub(crate) use patterns::{Patterns, SHORTEST};
pub(crate) use pump::{Ended, Pump};
