//! All segments, page by page, from whichever keeper there is.

use std::os::fd::OwnedFd;
use std::time::Duration;

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::failure::Failure;
use proto::journal::Record;

use super::segment_file::{Rest, SegmentFile};
use crate::ending::{Halt, Outcome};
use crate::keeper::{self, Keeper, Purpose, unexpected};
use crate::pause::pause;
use crate::session::Session;

/// How often the last segment is looked at again when its end is no record: one may be half
/// written just then.
const LOOKS: u32 = 5;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// One page: segments with their numbers, and whether there are more.
pub(super) struct Page {
    pub(super) segments: Vec<(u32, OwnedFd)>,
    pub(super) more: bool,
}

/// Asks for the page behind that segment.
pub(super) fn page(keeper: &mut Keeper, after: u32) -> Result<Page, Failure> {
    let answered = keeper.ask(&CliRequest::Journal { after }, None)?;
    let CliAnswer::Journal { segments, more } = answered.answer else {
        return Err(unexpected());
    };
    // Numbers must rise, or a page after page would never end.
    let rises = segments.iter().zip(segments.iter().skip(1)).all(|(one, next)| one < next);
    if !rises || segments.first().is_some_and(|first| *first <= after) {
        return Err(unexpected());
    }
    let more = more && !segments.is_empty();
    Ok(Page { segments: segments.into_iter().zip(answered.fds).collect(), more })
}

/// Has a segment that was written anew read on in its new file.
pub(super) fn renewed(keeper: &mut Keeper, segment: &mut SegmentFile) -> Result<(), Failure> {
    if !segment.is_nameless() {
        return Ok(());
    }
    let number = segment.number();
    let found = page(keeper, number.saturating_sub(1))?.segments.into_iter().next();
    if let Some((_, fd)) = found.filter(|(found, _)| *found == number) {
        segment.go_on_in(fd);
    }
    Ok(())
}

/// The newest record, if the newest segment has one.
pub(in crate::secret) fn newest(keeper: &mut Keeper) -> Result<Option<Record>, Failure> {
    let mut last: Option<SegmentFile> = None;
    loop {
        let after = last.as_ref().map_or(0, SegmentFile::number);
        let Page { segments, more } = page(keeper, after)?;
        if let Some((number, fd)) = segments.into_iter().next_back() {
            last = Some(SegmentFile::new(fd, number));
        }
        if !more {
            break;
        }
    }
    let Some(mut segment) = last else {
        return Ok(None);
    };
    let mut newest = None;
    let read = read_newest(&mut segment, &mut |record| {
        newest = Some(record);
        Ok(())
    });
    match read {
        Ok(()) => Ok(newest),
        Err(Halt::Failed(failure)) => Err(failure),
        // Nothing is printed here.
        Err(Halt::PipeClosed | Halt::Said(_)) => Err(unexpected()),
    }
}

/// Gives every record there is, oldest first, and the last segment, to go on from.
pub(super) fn read_all(
    session: &Session,
    take: &mut dyn FnMut(Record) -> Outcome,
) -> Result<Option<SegmentFile>, Halt> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let mut last: Option<SegmentFile> = None;
    loop {
        let after = last.as_ref().map_or(0, SegmentFile::number);
        let Page { segments, more } = page(&mut keeper, after)?;
        for (number, fd) in segments {
            if let Some(before) = last.replace(SegmentFile::new(fd, number)) {
                read_whole(before, take)?;
            }
        }
        if !more {
            // A private keeper holds up everybody else, and its descriptors are ours now.
            keeper.end()?;
            break;
        }
    }
    if let Some(newest) = &mut last {
        read_newest(newest, take)?;
    }
    Ok(last)
}

/// A segment that has others behind it: nothing in it changes any more.
pub(super) fn read_whole(mut segment: SegmentFile, take: &mut dyn FnMut(Record) -> Outcome) -> Outcome {
    match segment.read(take)? {
        Rest::AtEnd => Ok(()),
        Rest::AtRubble(error) => Err(segment.damaged(error).into()),
    }
}

fn read_newest(segment: &mut SegmentFile, take: &mut dyn FnMut(Record) -> Outcome) -> Outcome {
    for _ in 0..LOOKS {
        match segment.read(take)? {
            Rest::AtEnd => return Ok(()),
            Rest::AtRubble(_) => {
                pause(PAUSE);
            }
        }
    }
    match segment.read(take)? {
        // Cut short: the next keeper that writes will cut it off.
        Rest::AtEnd | Rest::AtRubble(proto::journal::JournalError::Torn) => Ok(()),
        Rest::AtRubble(error) => Err(segment.damaged(error).into()),
    }
}
