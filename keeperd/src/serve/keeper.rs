//! All that the loop thread knows and holds, and the few acts that every answer is made of.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Instant;

use proto::cli_lane::CliAnswer;
use proto::control_lane::{ControlReport, LogLevel, Role, StartKeeper};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Record};
use proto::lease_lane::LeaseAnswer;
use proto::meta::{LeaseId, RecordSeq};
use proto::standing::LauncherStanding;

use super::approvals::Approvals;
use super::asks::{PendingAsk, Release};
use super::flood::Flood;
use super::held::Held;
use super::keychain::Opening;
use super::lanes::{LaneId, Lanes, Turn, Who};
use super::loans::{Loan, PendingLoan};
use super::owed::Owed;
use super::recorder::{Recorder, Urgency};
use super::repeats::Repeats;
use super::slow::Slow;
use super::vault::Vault;
use super::wake::Bell;
use crate::clock::wall;
use crate::policy::grants::Grants;
use crate::policy::lease_book::LeaseBook;
use crate::policy::limits::Uses;
use crate::policy::providers::Providers;
use crate::policy::tokens::{Tokenless, Tokens};
use crate::policy_files::PolicyFiles;
use crate::store::{Backup, Staged};

/// Most bytes of reports that wait before log lines are left out.
const UNHEARD_MAX: usize = 256 * 1024;

/// What is decided upon.
pub(super) struct Policy {
    pub(super) files: PolicyFiles,
    pub(super) grants: Grants,
    pub(super) providers: Providers,
    pub(super) tokens: Tokens,
    pub(super) tokenless: Tokenless,
}

/// An answer that may leave only once the records of this turn are written.
pub(super) enum After {
    /// A value, or leave to go without one: dropped, and refused, if they cannot be.
    Release { lane: LaneId, seq: u64, answer: LeaseAnswer, value: Option<SecretBytes> },
    /// A refusal: sent either way.
    Refuse { lane: LaneId, answer: LeaseAnswer },
    /// What is in flight under a lease is to end: sent either way.
    Cut { lane: LaneId, lease: LeaseId },
    /// To the CLI.
    Cli { lane: LaneId, answer: CliAnswer, value: Option<SecretBytes>, fds: Vec<OwnedFd>, recorded: Recorded },
}

/// Whether an answer to the CLI speaks of something that had to be recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It has happened by then.
    Needed,
    /// Without the record it does not happen: that it is answered is what is done.
    First,
    NotNeeded,
}

/// Whether the launcher's passphrase is still to come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Yes,
    No,
}

/// Why the loop ends.
pub(super) enum End {
    /// Told to, or the launcher is gone.
    Orderly,
    /// It cannot go on.
    Failed(Failure),
}

/// The loop thread's state.
pub(super) struct Keeper {
    pub(super) start: StartKeeper,
    pub(super) uid: u32,
    /// Where the journal is.
    pub(super) audit: PathBuf,
    pub(super) lanes: Lanes,
    pub(super) control: LaneId,
    pub(super) door: Option<UnixListener>,
    /// Who comes in while the passphrase is on its way would find a locked vault, and no reason.
    pub(super) passphrase: Awaited,
    pub(super) bell: Bell,
    pub(super) slow: Slow,
    pub(super) recorder: Recorder,
    pub(super) policy: Policy,
    pub(super) vault: Vault,
    pub(super) leases: LeaseBook,
    /// What grants with limits have of them.
    pub(super) uses: Uses,
    /// Texts that are being sent to be checked.
    pub(super) drafts: HashMap<LaneId, String>,
    /// Secrets that come together, until the last has come.
    pub(super) imports: HashMap<LaneId, Vec<Staged>>,
    /// Backups whose record is not on disk yet.
    pub(super) begun: Vec<(LaneId, RecordSeq, Backup)>,
    pub(super) parked: Vec<PendingAsk>,
    /// Asks that wait for a person.
    pub(super) approvals: Approvals,
    pub(super) releases: HashMap<(LaneId, u64), Release>,
    pub(super) repeats: Repeats,
    /// What commands are lent, each by its lane.
    pub(super) loans: HashMap<LaneId, Loan>,
    pub(super) loans_waiting: Vec<PendingLoan>,
    pub(super) after: Vec<After>,
    /// What waits for the disk, too.
    pub(super) held: VecDeque<Held>,
    pub(super) flood: Flood,
    /// What is still to be recorded of what is over.
    pub(super) owed: Owed,
    /// Why the last records could not be written, if they could not.
    pub(super) trouble: Option<String>,
    pub(super) standing: Option<LauncherStanding>,
    /// No command is let in before: there were no descriptors left for one.
    pub(super) door_due: Option<Instant>,
    /// When `last_used` goes to the catalog.
    pub(super) used_due: Option<Instant>,
    /// Whether the bootstrap token was made at this start.
    pub(super) made_token: bool,
    pub(super) opening: Opening,
    pub(super) end: Option<End>,
}

impl Keeper {
    /// Adds a record; one that cannot be added is logged, and the journal says so from then on.
    pub(super) fn record(&mut self, record: Record, urgency: Urgency) -> Result<RecordSeq, Failure> {
        let event = record.event;
        let added = self.recorder.add(record, urgency);
        if let Err(failure) = &added {
            self.log(LogLevel::Error, &format!("{event} could not be recorded: {}", failure.what));
        }
        added
    }

    /// Adds a record of what has happened already and cannot be undone. If it cannot be written,
    /// that is logged, whoever asked for it is told, and nothing more is done until it can be.
    pub(super) fn note(&mut self, record: Record) {
        let _ = self.record(record, Urgency::Now);
    }

    /// Adds a record of what is over and asked of nobody. If it cannot be written now, it is written
    /// when something can; its seq, if it is to be written in this turn.
    pub(super) fn owe(&mut self, record: Record) -> Option<RecordSeq> {
        let added = self.record(record.clone(), Urgency::Soon);
        match &added {
            Ok(_) => self.owed.added(record),
            Err(_) => self.owed.keep(record),
        }
        added.ok()
    }

    /// A record of now.
    pub(super) fn event(event: Event) -> Record {
        Record::of(event, wall())
    }

    /// One line for the launcher's log.
    pub(super) fn log(&mut self, level: LogLevel, text: &str) {
        // A launcher that does not listen is told no more than it may keep waiting.
        let is_heard = self.lanes.get(self.control).is_some_and(|peer| peer.lane().unwritten() < UNHEARD_MAX);
        if level <= self.start.log && is_heard {
            self.report(&ControlReport::Log { level, text: text.to_owned() });
        }
    }

    /// Tells the launcher.
    pub(super) fn report(&mut self, report: &ControlReport) {
        // A report that does not fit in a frame is a bug, and one to a launcher that is gone is
        // of no use; either way the lane's own reading finds out.
        let _ = self.lanes.push(self.control, report, None, Vec::new());
    }

    /// Answers the CLI once this turn's records are written.
    pub(super) fn answer_cli(&mut self, lane: LaneId, answer: CliAnswer, recorded: Recorded) {
        self.after.push(After::Cli { lane, answer, value: None, fds: Vec::new(), recorded });
    }

    /// Ends a lane and all that hung on it.
    pub(super) fn hang_up(&mut self, lane: LaneId) {
        let Some(peer) = self.lanes.remove(lane) else { return };
        drop(self.drafts.remove(&lane));
        drop(self.imports.remove(&lane));
        match peer.who {
            Who::Control => self.end = Some(End::Orderly),
            Who::Egress { .. } => self.egress_gone(lane),
            Who::Cli { .. } => self.end_loan(lane),
        }
    }

    /// Whether this keeper serves a broker.
    pub(super) fn is_broker(&self) -> bool {
        self.start.role == Role::Broker
    }

    /// Writes this turn's records, and then lets go what waited for them (INV-04).
    pub(super) fn settle(&mut self) {
        let had_records = self.recorder.has_added();
        let written = self.recorder.write();
        match &written {
            Ok(()) if had_records => {
                self.trouble = None;
                self.owed.written();
                self.pay();
            }
            Ok(()) => {}
            Err(failure) if had_records || self.trouble.is_none() => {
                self.owed.not_written();
                self.unrecorded(&failure.what);
            }
            // Said before; nobody can have begun to wait since.
            Err(_) => self.owed.not_written(),
        }
        self.let_go_or_hold(&written);
    }

    /// Lets go what waited for records that were written, or says that they were not.
    pub(super) fn let_go(&mut self, after: After, written: &Result<(), Failure>) {
        match after {
            After::Release { lane, seq, answer, value } => match written {
                Ok(()) => self.push_lease(lane, &answer, value),
                Err(_) => self.refuse_unrecorded(lane, seq),
            },
            After::Refuse { lane, answer } => self.push_lease(lane, &answer, None),
            After::Cut { lane, lease } => self.push_lease(lane, &LeaseAnswer::Cut { lease }, None),
            After::Cli { lane, answer, value, fds, recorded } => {
                let answer = match (written, recorded) {
                    (Err(failure), Recorded::Needed) => CliAnswer::Failed(done_unrecorded(failure)),
                    (Err(failure), Recorded::First) => CliAnswer::Failed(failure.clone()),
                    (Ok(()), Recorded::Needed | Recorded::First) | (_, Recorded::NotNeeded) => answer,
                };
                // What failed gives nothing out; a value that stays here is wiped.
                let failed = matches!(answer, CliAnswer::Failed(_));
                let (value, fds) = if failed { (None, Vec::new()) } else { (value, fds) };
                self.push_cli(lane, &answer, value, fds);
            }
        }
    }

    /// Something could be written: so can what is owed, it seems. Nothing rests on it.
    fn pay(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        for record in self.owed.take() {
            let _ = self.owe(record);
        }
        match self.recorder.write() {
            Ok(()) => self.owed.written(),
            Err(_) => self.owed.not_written(),
        }
    }

    pub(super) fn push_lease(&mut self, lane: LaneId, answer: &LeaseAnswer, value: Option<SecretBytes>) {
        if self.lanes.push(lane, answer, value, Vec::new()).is_err() {
            self.hang_up(lane);
        }
    }

    fn push_cli(&mut self, lane: LaneId, answer: &CliAnswer, value: Option<SecretBytes>, fds: Vec<OwnedFd>) {
        if self.lanes.push(lane, answer, value, fds).is_err() {
            return self.hang_up(lane);
        }
        if let Some(Who::Cli { turn, .. }) = self.lanes.get(lane).map(|peer| &mut peer.who) {
            *turn = Turn::Theirs;
        }
    }
}

/// It happened, and there is no record of it.
pub(super) fn done_unrecorded(failure: &Failure) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("it was done, but could not be recorded: {}", failure.what),
        "make room or mend the journal (ugent secret audit --verify); nothing more is done until then",
    )
}
