//! A keychain's helper of our own, for this command alone.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use proto::control_lane::{ControlOrder, StartKeychain};
use proto::failure::Failure;
use proto::hello::{Hello, LaneKind};
use proto::standing::ChildKind;
use unix::lane::{Descriptors, Lane};

use crate::ending::{lane_broke, no_slot};
use crate::spawn;

/// How long it may take to take what it is told: less than a socket holds.
const TELLING: Duration = Duration::from_secs(5);

/// A keychaind we started. Its end of the control lane is never read: all that it could say is on its
/// lane to whoever asks it.
pub(crate) struct Helper {
    process: Child,
    control: Lane,
}

impl Helper {
    /// Starts one at the other end of that lane.
    pub(crate) fn start(start: &StartKeychain, lane: UnixStream) -> Result<Self, Failure> {
        let started = spawn::daemon(ChildKind::Keychaind, Stdio::inherit())?;
        let control = Lane::new(started.control, Descriptors::Refused).map_err(no_slot)?;
        let mut helper = Self { process: started.process, control };
        let deadline = Instant::now() + TELLING;
        let order = ControlOrder::StartKeychain(start.clone());
        let control = &mut helper.control;
        control
            .send(&Hello::ours(LaneKind::Control), None, Vec::new(), deadline)
            .and_then(|()| control.send(&order, None, vec![OwnedFd::from(lane)], deadline))
            .map_err(|error| lane_broke(&error, "keychaind"))?;
        Ok(helper)
    }
}

impl Drop for Helper {
    /// It holds nothing that is not the keychain's as well.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
