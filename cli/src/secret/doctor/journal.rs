//! Whether records can be written and read: the journal, the room on its disk, the clock.

use std::path::Path;

use proto::failure::Failure;
use proto::meta::Timestamp;

use super::finding::Finding;
use crate::clock;

const MIB: u64 = 1024 * 1024;
/// Below this the next segments may not fit.
const WARN: u64 = 200 * MIB;
/// Below this hardly a segment (4 MiB) and the catalog's next commit fit.
const FAIL: u64 = 20 * MIB;
/// What two clocks of one machine may differ by, in milliseconds: a step of NTP.
const SLACK: u64 = 2_000;

/// Bytes we may still write where that directory lies.
pub(super) fn room(directory: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(directory).ok()?;
    Some(found.blocks_available().saturating_mul(found.fragment_size()))
}

pub(super) fn judge_room(directory: &Path, room: Option<u64>) -> Finding {
    const ID: &str = "disk.space";
    let shown = directory.display();
    let Some(room) = room else {
        return Finding::warn(ID, format!("the room left for {shown} cannot be read"), format!("df {shown}"));
    };
    let what = format!("{} MiB are free for {shown}", room / MIB);
    let mend = "make room: a full disk stops every release, since none may leave unrecorded";
    match room {
        ..FAIL => Finding::fail(ID, format!("only {what}"), mend),
        FAIL..WARN => Finding::warn(ID, format!("only {what}"), mend),
        WARN.. => Finding::ok(ID, what),
    }
}

/// The journal as its keeper has it, and its newest record as we read it.
pub(super) fn judge(
    broken: Option<&str>,
    newest: Result<Option<Timestamp>, Failure>,
    now: Timestamp,
) -> Vec<Finding> {
    if let Some(why) = broken {
        return vec![Finding::fail(
            "journal",
            format!("nothing can be recorded, so nothing is released: {why}"),
            "make room if the disk is full; ugent secret audit --verify says what is damaged",
        )];
    }
    match newest {
        Err(failure) => vec![Finding::failure("journal", failure)],
        Ok(None) => vec![Finding::ok("journal", "the journal is in order, and its newest segment empty")],
        Ok(Some(newest)) => {
            let what = format!("the journal is in order; its newest record is of {}", clock::seconds(newest));
            vec![Finding::ok("journal", what), judge_clock(newest, now)]
        }
    }
}

fn judge_clock(newest: Timestamp, now: Timestamp) -> Finding {
    const ID: &str = "clock";
    let ahead = newest.0.saturating_sub(now.0);
    if ahead <= SLACK {
        return Finding::ok(ID, "the clock is not behind the journal");
    }
    Finding::warn(
        ID,
        format!("the clock is {} behind the newest record: it was set back", clock::span(ahead)),
        "timedatectl set-ntp true; times of records are not in order until it has caught up",
    )
}

#[cfg(test)]
mod tests {
    use proto::failure::FailureClass;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_a_warning_first() {
        for (room, level) in [
            (Some(0), Level::Fail),
            (Some(FAIL - 1), Level::Fail),
            (Some(FAIL), Level::Warn),
            (Some(WARN - 1), Level::Warn),
            (Some(WARN), Level::Ok),
            (None, Level::Warn),
        ] {
            assert_eq!(judge_room(Path::new("/h"), room).level, level, "{room:?}");
        }
        assert!(room(Path::new("/")).is_some());
        assert!(room(Path::new("/nowhere/at/all")).is_none());
    }

    #[test]
    fn a_record_from_the_future_says_that_the_clock_was_set_back() {
        let now = Timestamp(1_000_000_000_000);
        for (newest, level) in [(0, Level::Ok), (SLACK, Level::Ok), (SLACK + 1, Level::Warn)] {
            let found = judge(None, Ok(Some(Timestamp(now.0 + newest))), now);
            assert_eq!(found.last().map(|finding| (finding.id, finding.level)), Some(("clock", level)));
        }
    }

    #[test]
    fn a_journal_that_cannot_be_written_or_read_fails() {
        let broken = judge(Some("no space left"), Ok(None), Timestamp(0));
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].level, Level::Fail);
        let damaged = Failure::new(FailureClass::BadInput, "segment 1 is damaged", "mend it");
        assert_eq!(judge(None, Err(damaged), Timestamp(0))[0].level, Level::Fail);
        assert_eq!(judge(None, Ok(None), Timestamp(0))[0].level, Level::Ok);
    }
}
