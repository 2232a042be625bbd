//! What is wrong with a request's bytes. Names the rule, never a byte of what was sent.

use std::error::Error;
use std::{fmt, io};

use crate::refusal::Cause;

/// Why a connection's bytes go no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are not HTTP as it is written down; says how.
    Malformed(&'static str),
    /// The head is longer than any that is read; says how.
    TooLarge(&'static str),
    /// Nothing more of a body came.
    Stalled,
}

impl Fault {
    /// What the client is told.
    pub(crate) const fn cause(self) -> Cause {
        match self {
            Self::Malformed(how) => Cause::BadRequest(how),
            Self::TooLarge(how) => Cause::HeadTooLarge(how),
            Self::Stalled => Cause::BadRequest("its body stopped coming"),
        }
    }

    /// The fault of a body that hyper could not read on, if it was one.
    pub(crate) fn behind(error: &hyper::Error) -> Option<Self> {
        let error = error.source()?.downcast_ref::<io::Error>()?;
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(how) | Self::TooLarge(how) => f.write_str(how),
            Self::Stalled => f.write_str("the body stopped coming"),
        }
    }
}

impl Error for Fault {}
