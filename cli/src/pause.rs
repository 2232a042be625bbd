//! A short wait between two looks at something that cannot be waited for.

use std::time::Duration;

use nix::poll::{PollTimeout, poll};

/// Waits that long, or less when a signal comes: the caller looks again, up to its own deadline.
pub(crate) fn pause(time: Duration) {
    let _ = poll(&mut [], PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO));
}
