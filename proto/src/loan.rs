//! Values that a program is lent over the cli lane: asked for together, judged together, and then
//! taken one by one. Names and reasons only; a value travels beside `Taken` and nowhere else.

use serde::{Deserialize, Serialize};

use crate::journal::Reason;
use crate::name::{Consumer, Delivery, Handle, Purpose};

/// Most secrets of one loan.
pub const LOAN_MAX: usize = 256;

/// What is asked for. All of it is granted, or nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borrow {
    /// Who asks. With a token: none, or whom it speaks for. Without one: `cli`, a `plugin:`, or whom
    /// the peer's uid stands for, which is also what none means.
    pub consumer: Option<Consumer>,
    /// What for, as in `process.env`.
    pub purpose: Purpose,
    /// `native` or `env_inject`.
    pub delivery: Delivery,
    /// Which secrets, each once: at least one, at most [`LOAN_MAX`].
    pub secrets: Vec<Handle>,
}

/// A secret that is not lent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotLent {
    /// Which.
    pub secret: Handle,
    /// What the journal says of it.
    pub reason: Reason,
}
