//! Whether this user has a keychain: asked of a helper of our own, before anything is made for it.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use proto::keychain_lane::{KeychainAnswer, KeychainRequest, Trouble};
use unix::lane::{Descriptors, Lane, LaneError};

use super::ask::unexpected;
use super::helper::Helper;
use crate::ending::{lane_broke, no_slot};
use crate::session::Session;

/// How long a keychain may take to answer: a user waits.
const ANSWER: Duration = Duration::from_secs(2);

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// One that is open.
    Open,
    /// None that could be used, and why.
    Not(Trouble),
    /// One that does not answer.
    Silent,
}

impl Found {
    /// Why it cannot be used, and what mends that; none of an open one.
    pub(crate) fn failure(self) -> Option<Failure> {
        match self {
            Self::Open => None,
            Self::Not(trouble) => {
                let (_, why, hint) = trouble.told();
                Some(Failure::new(FailureClass::Unreachable, why, hint))
            }
            Self::Silent => Some(Failure::new(
                FailureClass::Unreachable,
                "the keychain does not answer",
                "restart the keyring (systemctl --user restart gnome-keyring-daemon), or log in anew",
            )),
        }
    }
}

/// Looks for it.
pub(crate) fn probe(session: &Session) -> Result<Found, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(FailureClass::Io, format!("no lane for the keychain's helper: {error}"), "")
    };
    let deadline = Instant::now() + ANSWER;
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let _helper = Helper::start(&session.settings.for_keychain(), theirs)?;
    let mut lane = Lane::new(ours, Descriptors::Refused).map_err(no_slot)?;
    let asked = lane
        .greet(LaneKind::Keychain, deadline)
        .and_then(|()| lane.send(&KeychainRequest::Probe, None, Vec::new(), deadline))
        .and_then(|()| lane.wait_for::<KeychainAnswer>(deadline));
    match asked {
        Ok(parcel) => match parcel.message {
            KeychainAnswer::Open => Ok(Found::Open),
            KeychainAnswer::Failed(trouble) => Ok(Found::Not(trouble)),
            KeychainAnswer::Got
            | KeychainAnswer::Kept
            | KeychainAnswer::Deleted
            | KeychainAnswer::Listed { .. }
            | KeychainAnswer::Unlocked => Err(unexpected()),
        },
        Err(LaneError::Deadline) => Ok(Found::Silent),
        Err(
            error @ (LaneError::Closed
            | LaneError::Frame(_)
            | LaneError::Descriptors
            | LaneError::Hello
            | LaneError::Io(_)),
        ) => Err(lane_broke(&error, "keychaind")),
    }
}
