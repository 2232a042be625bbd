//! `audit --follow --export SINK`: hands every record on to one sink, from where it left off. The
//! launcher starts one such process a sink and keeps it alive; it gets a lane on which keeperd answers
//! nothing but what the journal's segments are, and is confined before it reads a byte of them.
//!
//! A sink that is down makes this process wait and nobody else. A record is delivered at least once:
//! what was handed on and not yet noted in the cursor is handed on again.

mod confine;
mod cursor;
mod dress;
mod outlet;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use proto::control_lane::Account;
use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use proto::journal::{LINK_LEN, Record};
use proto::standing::Strictness;
use unix::lane::{Descriptors, Lane};

pub use self::confine::{ALLOWED, ROWS};
use self::cursor::{At, Cursor};
use self::outlet::Outlet;
use super::pages::{Page, page, renewed};
use super::segment_file::{Rest, SegmentFile};
use super::view::RecordView;
use crate::ending::{Halt, Outcome, lane_broke, no_slot};
use crate::keeper::{Keeper, unexpected};
use crate::settings::Sink;

/// How long the keeper may take to say Hello.
const GREETING: Duration = Duration::from_secs(30);
/// Between two looks at the newest segment.
const PAUSE: Duration = Duration::from_millis(200);
/// Looks before newer segments are asked for, while records come.
const LOOKS: u32 = 5;
/// The same, while none come: whatever begins a segment fills the one before.
const IDLE_LOOKS: u32 = 10;
/// Looks at what is no record before it is given up: one may be half written.
const RUBBLE_MAX: u32 = 50;
/// Records between two notes of how far it has come, within one look.
const NOTE_EVERY: u32 = 500;

/// What the launcher says; nobody types it.
#[derive(Args)]
pub(super) struct Export {
    /// Where records go
    #[arg(long, hide = true, value_name = "SINK", requires_all = ["follow", "cursors"])]
    export: Option<String>,
    /// Directory of the notes of how far it has come
    #[arg(long, hide = true, value_name = "DIR")]
    cursors: Option<PathBuf>,
    /// Whom it becomes
    #[arg(long, hide = true, value_name = "UID:GID")]
    account: Option<String>,
    /// What to do where the kernel cannot give every layer
    #[arg(long, hide = true, value_name = "STRICTNESS")]
    confinement: Option<String>,
}

impl Export {
    /// Whether this run is one.
    pub(super) const fn is_asked(&self) -> bool {
        self.export.is_some()
    }

    /// Does it, until the broker ends or the sink is to be opened anew.
    pub(super) fn run(&self) -> Outcome {
        let (Some(sink), Some(dir)) = (self.export.as_deref().and_then(Sink::parse), &self.cursors) else {
            return Err(by_hand().into());
        };
        let account = self.account.as_deref().map(account).transpose()?;
        let strictness = match &self.confinement {
            None => Strictness::Required,
            Some(word) => Strictness::parse(word).map_err(|_| by_hand())?,
        };
        let undumpable = confine::before_start()?;
        let lane = unix::passed::control_lane().ok_or_else(by_hand)?;
        let isolated = undumpable.isolate(strictness, account)?;
        let cursor = Cursor::open(dir, &sink)?;
        let outlet = Outlet::open(&sink)?;
        let _confined = isolated.confine(cursor.dir())?;
        Exporter::new(lane, outlet, cursor)?.run()
    }
}

fn account(text: &str) -> Result<Account, Failure> {
    let parsed = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    parsed.map(|(uid, gid)| Account { uid, gid }).ok_or_else(by_hand)
}

fn by_hand() -> Failure {
    Failure::new(
        FailureClass::Usage,
        "an export is started by the broker, and by nobody else",
        "name the sink in secrets.toml: audit = { sinks = [\"file:/var/log/ugent.jsonl\"] }",
    )
}

struct Exporter {
    keeper: Keeper,
    outlet: Outlet,
    cursor: Cursor,
    segment: Option<SegmentFile>,
    /// Records of the segment up to that seq were handed on by the process before.
    skip: u64,
}

impl Exporter {
    fn new(socket: UnixStream, outlet: Outlet, cursor: Cursor) -> Result<Self, Failure> {
        let mut lane = Lane::new(socket, Descriptors::Accepted).map_err(no_slot)?;
        lane.greet(LaneKind::Cli, Instant::now() + GREETING)
            .map_err(|error| lane_broke(&error, "keeperd"))?;
        let keeper = Keeper::passed_on(lane);
        Ok(Self { keeper, outlet, cursor, segment: None, skip: 0 })
    }

    fn run(mut self) -> Outcome {
        self.begin()?;
        let (mut looks, mut rubble) = (0, 0);
        loop {
            let before = self.cursor.at();
            match self.read_on()? {
                Some(Rest::AtRubble(error)) if rubble >= RUBBLE_MAX => {
                    return Err(self.segment.map_or_else(unexpected, |found| found.damaged(error)).into());
                }
                Some(Rest::AtRubble(_)) => rubble += 1,
                Some(Rest::AtEnd) | None => rubble = 0,
            }
            looks += 1;
            let is_idle = self.cursor.at() == before;
            if looks >= if is_idle { IDLE_LOOKS } else { LOOKS } || self.segment.is_none() {
                looks = 0;
                self.newer()?;
            }
            self.outlet.look_after()?;
            if self.keeper.is_gone_within(PAUSE) {
                // What it wrote last, as long as nobody has to be waited for.
                self.outlet.hurry();
                return self.read_on().map(drop);
            }
        }
    }

    /// Finds where the process before left off. Where that is not to be found any more, the whole
    /// segment is handed on again: rather twice than not at all.
    fn begin(&mut self) -> Outcome {
        let Some(At { segment, seq, .. }) = self.cursor.at() else { return self.newer() };
        let mut found = page(&mut self.keeper, segment.saturating_sub(1))?.segments.into_iter();
        let Some((number, fd)) = found.next() else { return self.newest() };
        let mut looked = SegmentFile::new(fd.try_clone().map_err(no_copy)?, number);
        let mut is_there = false;
        let cursor = &self.cursor;
        looked.read_linked(&mut |record, link| {
            is_there |= cursor.is_at(number, record.seq.0, link);
            Ok(())
        })?;
        self.skip = if is_there { seq } else { 0 };
        self.segment = Some(SegmentFile::new(fd, number));
        Ok(())
    }

    /// The journal ends before where we were: a power cut took its last segments.
    fn newest(&mut self) -> Outcome {
        let mut after = 0;
        loop {
            let Page { segments, more } = page(&mut self.keeper, after)?;
            if let Some((number, fd)) = segments.into_iter().next_back() {
                after = number;
                self.segment = Some(SegmentFile::new(fd, number));
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Hands on what is new in the segment.
    fn read_on(&mut self) -> Result<Option<Rest>, Halt> {
        let Self { keeper, outlet, cursor, segment, skip } = self;
        let Some(segment) = segment else { return Ok(None) };
        let number = segment.number();
        let mut behind = 0;
        let rest = segment.read_linked(&mut |record: Record, link: &[u8; LINK_LEN]| {
            if record.seq.0 <= *skip {
                return Ok(());
            }
            outlet.put(&RecordView::from(&record), keeper)?;
            cursor.passed(number, record.seq.0, link);
            behind += 1;
            if behind % NOTE_EVERY == 0 {
                outlet.flush()?;
                cursor.note()?;
            }
            Ok(())
        })?;
        if behind > 0 {
            outlet.flush()?;
            cursor.note()?;
        }
        Ok(Some(rest))
    }

    /// Goes on to newer segments, if there are any; each but the last is read to its end.
    fn newer(&mut self) -> Outcome {
        loop {
            let after = self.segment.as_ref().map_or(0, SegmentFile::number);
            let found = match &mut self.segment {
                Some(segment) => renewed(&mut self.keeper, segment),
                None => Ok(()),
            };
            let Page { segments, more } = match found.and_then(|()| page(&mut self.keeper, after)) {
                Ok(found) => found,
                // The broker ends; the loop sees to the rest.
                Err(failure) if failure.class == FailureClass::Unreachable => return Ok(()),
                Err(failure) => return Err(failure.into()),
            };
            for (number, fd) in segments {
                match (self.read_on()?, &self.segment) {
                    (Some(Rest::AtRubble(error)), Some(segment)) => {
                        return Err(segment.damaged(error).into());
                    }
                    (Some(Rest::AtRubble(_) | Rest::AtEnd) | None, _) => {}
                }
                self.segment = Some(SegmentFile::new(fd, number));
                self.skip = 0;
            }
            if !more {
                return Ok(());
            }
        }
    }
}

fn no_copy(error: std::io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("a descriptor could not be copied: {error}"), "")
}
