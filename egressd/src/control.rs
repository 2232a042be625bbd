//! egressd's end of the control lane: orders in, reports out. Only the main thread touches it.
//!
//! The launcher is the one peer that is believed; even so a malformed order ends the process.

use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, ControlReport};
use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use unix::lane::{Descriptors, Lane, LaneError, Parcel, Received};

/// How long the launcher may take for each step of the start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Log lines are dropped while the launcher has this many bytes of ours to read.
const UNREAD_MAX: usize = 64 * 1024;

/// How the process comes to its end.
pub(crate) enum Ended {
    /// The launcher said so.
    Told,
    /// The launcher is gone: there is nobody to report to.
    Orphaned,
    /// Something broke.
    Failed(Failure),
}

/// The control lane.
pub(crate) struct Control {
    lane: Lane,
}

impl Control {
    /// Over the socket this process was started with.
    pub(crate) fn over(socket: UnixStream) -> Result<Self, Failure> {
        socket.set_nonblocking(true).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("egressd's control lane cannot be used: {error}"), "")
        })?;
        let lane = Lane::new(socket, Descriptors::Accepted).map_err(|error| {
            Failure::new(FailureClass::TryAgain, format!("egressd has no room for its lane: {error}"), "")
        })?;
        Ok(Self { lane })
    }

    /// Says Hello and waits for the launcher's.
    pub(crate) fn greet(&mut self) -> Result<(), Ended> {
        self.lane.greet(LaneKind::Control, Instant::now() + PATIENCE).map_err(|error| ended(&error))
    }

    /// Waits for one order of the start.
    pub(crate) fn next_order(&mut self) -> Result<Parcel<ControlOrder>, Ended> {
        self.lane.wait_for(Instant::now() + PATIENCE).map_err(|error| ended(&error))
    }

    /// Puts a report behind the others and writes what the socket takes.
    pub(crate) fn report(&mut self, report: &ControlReport) -> Result<(), Ended> {
        self.lane.push(report, None).map_err(|error| ended(&error))?;
        self.write()
    }

    /// As [`Control::report`], but dropped if the launcher is slow to read.
    pub(crate) fn report_if_read(&mut self, report: &ControlReport) -> Result<(), Ended> {
        if self.lane.unwritten() > UNREAD_MAX { Ok(()) } else { self.report(report) }
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn write(&mut self) -> Result<(), Ended> {
        self.lane.flush().map(drop).map_err(|error| ended(&error))
    }

    /// Reads once.
    pub(crate) fn read(&mut self) -> Result<(), Ended> {
        match self.lane.receive() {
            Ok(Received::Closed) => Err(Ended::Orphaned),
            Ok(Received::Bytes | Received::Last | Received::Nothing) => Ok(()),
            Err(error) => Err(ended(&error)),
        }
    }

    /// Takes an order out of what was read.
    pub(crate) fn take(&mut self) -> Result<Option<Parcel<ControlOrder>>, Ended> {
        self.lane.take().map_err(|error| ended(&error))
    }

    /// The lane, to poll.
    pub(crate) const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Says the last word, and gives the exit code.
    pub(crate) fn report_end(mut self, end: Ended) -> ExitCode {
        let (failure, code) = match end {
            Ended::Orphaned => return ExitCode::SUCCESS,
            Ended::Told => (None, 0),
            Ended::Failed(failure) => {
                let code = failure.class.exit_code();
                (Some(failure), code)
            }
        };
        let deadline = Instant::now() + Duration::from_secs(2);
        let _ = self.lane.send(&ControlReport::Stopped { failure }, None, Vec::new(), deadline);
        ExitCode::from(code)
    }
}

fn ended(error: &LaneError) -> Ended {
    match error {
        LaneError::Closed => Ended::Orphaned,
        LaneError::Hello => Ended::Failed(Failure::new(
            FailureClass::Config,
            "egressd and secret-broker are of different versions",
            "install all four programs from one build",
        )),
        LaneError::Frame(_) | LaneError::Descriptors | LaneError::Deadline | LaneError::Io(_) => {
            Ended::Failed(Failure::new(
                FailureClass::Bug,
                format!("egressd's control lane broke: {error}"),
                "",
            ))
        }
    }
}
