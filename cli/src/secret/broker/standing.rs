//! Asking a running broker what it is and where.

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::{Failure, FailureClass};
use proto::standing::{KeeperStanding, LauncherStanding};

use crate::keeper::{Keeper, unexpected};

/// What a running broker says of itself.
pub(super) fn standing(keeper: &mut Keeper) -> Result<(LauncherStanding, KeeperStanding), Failure> {
    let answer = keeper.ask(&CliRequest::Status, None)?.answer;
    let CliAnswer::Status { launcher, keeper } = answer else {
        return Err(unexpected());
    };
    // Its keeper serves, and has not heard from the launcher yet.
    let starting = || Failure::new(FailureClass::TryAgain, "the broker is about to start", "try again");
    Ok((launcher.ok_or_else(starting)?, keeper))
}
