//! How a program of this crate ends: the only place that decides its exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use proto::failure::{Failure, FailureClass};
use proto::hazmat::NoSlot;
use unix::lane::LaneError;

use crate::paint::Paint;

/// Why a command stops before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Something is wrong; said on stderr.
    Failed(Failure),
    /// Whoever read our output has seen enough: no error, nothing to say.
    PipeClosed,
    /// Everything was said already; only the exit code is left.
    Said(u8),
}

/// What a command comes to.
pub(crate) type Outcome = Result<(), Halt>;

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<NoSlot> for Halt {
    fn from(error: NoSlot) -> Self {
        Self::Failed(no_slot(error))
    }
}

/// For errors of writing to stdout, which is the only thing commands write to.
impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::Failed(Failure::new(FailureClass::Io, format!("stdout could not be written: {error}"), ""))
    }
}

/// No locked memory, as an error for a person.
pub(crate) fn no_slot(error: NoSlot) -> Failure {
    Failure::new(
        FailureClass::TryAgain,
        error.to_string(),
        "raise the limit of locked memory: ulimit -l 8192",
    )
}

/// A lane that broke, as an error for a person; `peer` is who is on the other end.
pub(crate) fn lane_broke(error: &LaneError, peer: &str) -> Failure {
    let class = match error {
        LaneError::Deadline => FailureClass::TryAgain,
        LaneError::Closed => FailureClass::Unreachable,
        LaneError::Io(_) => FailureClass::Io,
        LaneError::Frame(_) | LaneError::Descriptors | LaneError::Hello => FailureClass::Bug,
    };
    let hint = match error {
        LaneError::Hello => {
            "install ugent, secret-broker, keeperd and egressd of one version; restart the broker"
        }
        LaneError::Deadline | LaneError::Closed | LaneError::Io(_) => "ugent secret broker status",
        LaneError::Frame(_) | LaneError::Descriptors => "report this, with the versions of both programs",
    };
    Failure::new(class, format!("the lane to {peer} broke: {error}"), hint)
}

/// Says what there is to say and gives the exit code.
pub(crate) fn exit(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) | Err(Halt::PipeClosed) => ExitCode::SUCCESS,
        Err(Halt::Said(code)) => ExitCode::from(code),
        Err(Halt::Failed(failure)) => {
            // With stderr gone there is nobody left to tell; the code still says it.
            let said = Paint::of(&io::stderr()).error(&failure.to_string());
            let _ = writeln!(io::stderr(), "{said}");
            ExitCode::from(failure.class.exit_code())
        }
    }
}
