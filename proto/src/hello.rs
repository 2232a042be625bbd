//! The first frame on every lane, from each side, before any other.
//!
//! It must stay decodable by every later version: `version` comes first and nothing may be put
//! before it.

use serde::{Deserialize, Serialize};

use crate::frame::{Message, ValueRule};

/// The version both sides of every lane speak. A peer with another one is cut off.
pub const VERSION: u16 = 1;

/// Which lane a socket is meant to be, so that a miswired one is found at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneKind {
    /// Launcher (or CLI) to daemon, on the daemon's fd 0.
    Control,
    /// egressd to keeperd.
    Lease,
    /// CLI to keeperd.
    Cli,
    /// keeperd to the keychain's helper.
    Keychain,
}

/// Opens a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Protocol version of the sender.
    pub version: u16,
    /// The lane the sender believes this to be.
    pub lane: LaneKind,
}

impl Hello {
    /// What this build says on a lane of that kind.
    #[must_use]
    pub const fn ours(lane: LaneKind) -> Self {
        Self { version: VERSION, lane }
    }

    /// Whether the peer may go on speaking after this.
    #[must_use]
    pub fn fits(self, lane: LaneKind) -> bool {
        self == Self::ours(lane)
    }
}

impl Message for Hello {
    // Whoever has not greeted yet must not make this side lock memory for it (INV-09).
    const HEAD_MAX: usize = 64;
    const VALUE_MAX: usize = 0;

    fn value_rule(&self) -> ValueRule {
        ValueRule::Never
    }
}
