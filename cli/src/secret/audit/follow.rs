//! `--follow`: what happens from now on, until the reader or the user has enough.
//!
//! The newest segment is looked at again and again; newer ones come from a running broker only: a
//! private keeper would hold up every other command, and without a broker little happens.

use std::io::Write;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::failure::{Failure, FailureClass};
use proto::journal::Record;

use super::Printer;
use super::filter::Filter;
use super::pages::{Page, page, read_whole, renewed};
use super::segment_file::SegmentFile;
use crate::ending::{Halt, Outcome};
use crate::keeper::{Keeper, reach_broker};
use crate::session::Session;

/// Milliseconds between two looks.
const PAUSE: u8 = 200;
/// Looks before a newer segment is asked for.
const LOOKS: u32 = 5;

pub(super) fn run<W: Write>(
    session: &Session,
    mut newest: Option<SegmentFile>,
    filter: &Filter,
    out: &mut Printer<W>,
) -> Outcome {
    let mut keeper: Option<Keeper> = None;
    loop {
        for _ in 0..LOOKS {
            if let Some(segment) = &mut newest {
                segment.read(&mut |record| show(&record, filter, out))?;
            }
            out.out.flush()?;
            wait()?;
        }
        // A broker that is not there, or goes away, is no reason to stop: another may come.
        if keeper.is_none() {
            keeper = reach_broker(session).unwrap_or_default();
        }
        let asked = keeper.as_mut().map(|keeper| newer(keeper, newest.as_mut()));
        match asked {
            None => {}
            Some(Err(failure)) if failure.class == FailureClass::Bug => return Err(failure.into()),
            Some(Err(_)) => keeper = None,
            Some(Ok(found)) => {
                for (number, fd) in found.segments {
                    if let Some(before) = newest.replace(SegmentFile::new(fd, number)) {
                        read_whole(before, &mut |record| show(&record, filter, out))?;
                    }
                }
            }
        }
    }
}

/// The page behind the newest segment, which may have been written anew meanwhile.
fn newer(keeper: &mut Keeper, newest: Option<&mut SegmentFile>) -> Result<Page, Failure> {
    let Some(segment) = newest else { return page(keeper, 0) };
    renewed(keeper, segment)?;
    page(keeper, segment.number())
}

fn show<W: Write>(record: &Record, filter: &Filter, out: &mut Printer<W>) -> Outcome {
    if filter.takes(record) { out.print(record) } else { Ok(()) }
}

/// Waits a little, or until nobody reads our output any more.
fn wait() -> Outcome {
    let stdout = std::io::stdout();
    let mut watched = [PollFd::new(std::os::fd::AsFd::as_fd(&stdout), PollFlags::empty())];
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    match poll(&mut watched, PollTimeout::from(PAUSE)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(Halt::from(std::io::Error::from(error))),
    }
    let closed = watched.iter().any(|fd| fd.revents().is_some_and(|seen| seen.intersects(gone)));
    if closed { Err(Halt::PipeClosed) } else { Ok(()) }
}
