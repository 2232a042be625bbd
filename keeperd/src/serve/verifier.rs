//! A keeper in the role of verifier: is given files and a passphrase, looks, answers, ends.

use std::fs::File;
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, ControlReport};
use proto::failure::{Failure, FailureClass};
use unix::lane::{Lane, LaneError, Parcel};

use crate::audit::{Files, verify};
use crate::confine::Confined;

/// The CLI asks for the passphrase before it starts a verifier, so nothing here takes long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Does what it was started for.
///
/// # Errors
/// [`Failure`] if the lane fails; what verifying finds, failures included, is sent on it.
pub(crate) fn serve(lane: &mut Lane, confined: &Confined) -> Result<(), Failure> {
    let deadline = Instant::now() + DEADLINE;
    send(lane, &ControlReport::Confined(confined.confinement().clone()))?;
    send(lane, &ControlReport::Ready { locked: true })?;
    let (mut small, mut segments) = (None, Vec::new());
    loop {
        let Parcel { message, value, fds } =
            lane.wait_for::<ControlOrder>(deadline).map_err(|error| broken(&error))?;
        let mut files = fds.into_iter().map(File::from);
        match message {
            ControlOrder::VerifyFiles => small = files.next().zip(files.next()).zip(files.next()),
            ControlOrder::VerifySegments { .. } => segments.extend(files),
            ControlOrder::Verify { noted } => {
                let (Some(((head, checkpoint), header)), Some(passphrase)) = (small, value) else {
                    return Err(broken(&LaneError::Descriptors));
                };
                let files = Files { header, head, checkpoint, segments };
                let report = match verify(files, noted, passphrase) {
                    Ok(verdict) => ControlReport::Verified(verdict),
                    Err(failure) => ControlReport::VerifyFailed(failure),
                };
                return send(lane, &report);
            }
            ControlOrder::Stop => return Ok(()),
            ControlOrder::StartKeeper(_)
            | ControlOrder::Unlock
            | ControlOrder::NewEgress { .. }
            | ControlOrder::NewReader
            | ControlOrder::Standing(_)
            | ControlOrder::Transport(_)
            | ControlOrder::Anchor { .. }
            | ControlOrder::StartEgress(_)
            | ControlOrder::Drain => return Err(broken(&LaneError::Hello)),
        }
    }
}

fn send(lane: &mut Lane, report: &ControlReport) -> Result<(), Failure> {
    lane.send(report, None, Vec::new(), Instant::now() + DEADLINE).map_err(|error| broken(&error))
}

fn broken(error: &LaneError) -> Failure {
    Failure::new(FailureClass::Bug, format!("the verifying keeper was left alone: {error}"), "")
}
