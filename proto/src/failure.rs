//! An error on its way to a person: what happened to what, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which kind of error it is, and with it the exit code (after BSD's sysexits.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureClass {
    /// 64: the command line.
    Usage,
    /// 65: an input, a name, or damaged data.
    BadInput,
    /// 69: broker or keychain not reachable.
    Unreachable,
    /// 70: a bug of ours.
    Bug,
    /// 74: unwritable, disk full.
    Io,
    /// 75: try again.
    TryAgain,
    /// 77: refused by policy, or wrong passphrase.
    Refused,
    /// 78: configuration, ownership or modes of files, formats from the future.
    Config,
}

impl FailureClass {
    /// The exit code a program ends with after this failure.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::BadInput => 65,
            Self::Unreachable => 69,
            Self::Bug => 70,
            Self::Io => 74,
            Self::TryAgain => 75,
            Self::Refused => 77,
            Self::Config => 78,
        }
    }
}

/// An error for a person. Holds names, paths and errno texts; never a value, token, body or
/// header line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Decides the exit code.
    pub class: FailureClass,
    /// What happened to what, as a sentence without a final stop.
    pub what: String,
    /// The command or line that mends it; empty where there is none.
    pub hint: String,
}

impl Failure {
    /// Makes a failure.
    #[must_use]
    pub fn new(class: FailureClass, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { class, what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Failure {
    /// Two lines: `error: …` and, where there is one, `hint: …`; without a final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\nhint: {}", self.hint) }
    }
}

impl std::error::Error for Failure {}
