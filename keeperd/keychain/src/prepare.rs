//! Hello and Start, from whoever started this process. Nothing is opened here.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, StartKeychain};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::NoSlot;
use proto::hello::LaneKind;
use unix::lane::{Descriptors, Lane, LaneError};

/// The launcher and the CLI send Hello and Start at once; who does not is neither.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Exchanges Hello and reads Start. Gives the control lane, what was said, and the keeper's lane,
/// from which nothing was read yet.
pub(crate) fn start(control: UnixStream) -> Result<(Lane, StartKeychain, Lane), Failure> {
    let mut lane = Lane::new(control, Descriptors::Accepted).map_err(no_memory)?;
    let deadline = Instant::now() + START_DEADLINE;
    lane.greet(LaneKind::Control, deadline).map_err(|error| misled(&error))?;
    let parcel = lane.wait_for::<ControlOrder>(deadline).map_err(|error| misled(&error))?;
    let ControlOrder::StartKeychain(start) = parcel.message else {
        return Err(misled(&LaneError::Hello));
    };
    let fd = parcel.fds.into_iter().next().ok_or_else(|| misled(&LaneError::Descriptors))?;
    let socket = UnixStream::from(fd);
    // It is read in every turn, whether or not something came.
    socket.set_nonblocking(true).map_err(|error| misled(&LaneError::Io(error)))?;
    let asked = Lane::new(socket, Descriptors::Refused).map_err(no_memory)?;
    Ok((lane, start, asked))
}

fn misled(error: &LaneError) -> Failure {
    Failure::new(
        FailureClass::Usage,
        format!("keychaind was not started as it must be: {error}"),
        "it is started by `ugent` or `secret-broker`, of the same version",
    )
}

fn no_memory(error: NoSlot) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("keychaind cannot lock memory: {error}"),
        "raise RLIMIT_MEMLOCK, for example `ulimit -l 8192` or LimitMEMLOCK=8M in a unit",
    )
}
