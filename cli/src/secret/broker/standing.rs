//! Asking a running broker what it is and where.

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::standing::{KeeperStanding, LauncherStanding};

use crate::keeper::{Keeper, unexpected};

/// What a running broker says of itself.
pub(super) fn standing(keeper: &mut Keeper) -> Result<(LauncherStanding, KeeperStanding), Failure> {
    match keeper.ask(&CliRequest::Status, None)?.answer {
        CliAnswer::Status { launcher: Some(launcher), keeper } => Ok((launcher, keeper)),
        CliAnswer::Status { launcher: None, .. }
        | CliAnswer::Failed(_)
        | CliAnswer::Initialized { .. }
        | CliAnswer::Unlocked
        | CliAnswer::Locked
        | CliAnswer::Deposited(_)
        | CliAnswer::Removed
        | CliAnswer::Listed { .. }
        | CliAnswer::Inspected(_)
        | CliAnswer::Journal { .. }
        | CliAnswer::VerifyFiles
        | CliAnswer::Stopping => Err(unexpected()),
    }
}
