//! The streams of a child that are no terminals: each passes through a filter in a thread of its own, to
//! where it would have gone. Nothing here looks at what they hold.

use std::io::{pipe, stderr, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::sys::stat::fstat;
use proto::failure::Failure;

use super::program::unfit;
use crate::hazmat::mask::{Ended, Patterns, Pump, To};
use crate::hazmat::start::Redirection;

/// The streams of a child that pass through a filter.
pub(super) struct Streams {
    /// The ends the child writes to, and where they are in it.
    theirs: Vec<(OwnedFd, &'static [i32])>,
    pumps: Vec<Pump>,
    /// Closed when the child is over.
    over: OwnedFd,
}

/// The same, once the child has its ends.
pub(super) struct Flowing {
    pumps: Vec<Pump>,
    over: OwnedFd,
}

impl Streams {
    pub(super) fn new(patterns: Option<&Arc<Patterns>>) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| unfit("its output", &error);
        let (reader, writer) = pipe().map_err(failed)?;
        let (is_over, over) = (Arc::new(OwnedFd::from(reader)), OwnedFd::from(writer));
        let mut streams = Self { theirs: Vec::new(), pumps: Vec::new(), over };
        let Some(patterns) = patterns else { return Ok(streams) };
        for (number, to) in masked().map_err(failed)? {
            let (from, theirs) = pipe().map_err(failed)?;
            streams.pumps.push(Pump::start(patterns, from.into(), To::Place(to), &is_over)?);
            streams.theirs.push((theirs.into(), number));
        }
        Ok(streams)
    }

    pub(super) fn redirections(&self) -> Vec<Redirection<'_>> {
        let each =
            self.theirs.iter().flat_map(|(to, numbers)| numbers.iter().map(move |number| (to, *number)));
        each.map(|(to, number)| Redirection { number, to: to.as_fd() }).collect()
    }

    /// Closes our copies of the child's ends, so that its end is the end of them.
    pub(super) fn after_start(self) -> Flowing {
        Flowing { pumps: self.pumps, over: self.over }
    }
}

impl Flowing {
    /// Passes on the last of it. What others have that the child has left behind is read no more.
    pub(super) fn finish(self) -> Option<std::io::Error> {
        drop(self.over);
        let ends: Vec<Ended> = self.pumps.into_iter().map(Pump::ended).collect();
        ends.into_iter().find_map(|end| match end {
            Ended::Whole | Ended::NobodyReads => None,
            Ended::Failed(error) => Some(error),
        })
    }
}

/// The streams that are no terminals, and where each goes. Two that go to the same place are one, or
/// what is written to them would change its order.
fn masked() -> std::io::Result<Vec<(&'static [i32], OwnedFd)>> {
    use std::io::IsTerminal;
    let (out, err) = (stdout(), stderr());
    let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    let mut masked: Vec<(&'static [i32], OwnedFd)> = Vec::new();
    match (out.is_terminal(), err.is_terminal()) {
        (true, true) => {}
        (false, true) => masked.push((&[1], copy(out.as_fd())?)),
        (true, false) => masked.push((&[2], copy(err.as_fd())?)),
        (false, false) => {
            let (one, other) = (fstat(out.as_fd())?, fstat(err.as_fd())?);
            if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino) {
                masked.push((&[1, 2], copy(out.as_fd())?));
            } else {
                masked.push((&[1], copy(out.as_fd())?));
                masked.push((&[2], copy(err.as_fd())?));
            }
        }
    }
    Ok(masked)
}
