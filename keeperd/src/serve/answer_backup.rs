//! Backups and restores: all values at once, to and from a file whose descriptor the CLI passes. The
//! slow-work thread takes a backup step by step, and whatever else it has to do between two of them.

use std::fs::File;
use std::os::fd::OwnedFd;

use proto::cli_lane::CliAnswer;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::Event;

use super::answer_cli::no_value;
use super::keeper::{Keeper, Recorded};
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::slow::Job;
use crate::clock::wall;
use crate::store::{Backup, Restored, Step};

impl Keeper {
    /// Locked or not: the passphrase it comes with opens the vault for this alone.
    pub(super) fn answer_backup(
        &mut self,
        lane: LaneId,
        both: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        self.room_for_a_record()?;
        let (both, file) = (both.ok_or_else(no_value)?, the_file(fds)?);
        let backup = Backup::Asked { file, both, kdf: self.start.kdf, now: wall() };
        self.slow.send(Job::Backup { lane, backup });
        Ok(())
    }

    pub(super) fn backup_stepped(&mut self, lane: LaneId, result: Result<Step, Failure>) {
        if self.lanes.get(lane).is_none() {
            // Nobody is left to name the file.
            return;
        }
        match result {
            Ok(Step::Begun(backup)) => {
                let record = self.by(lane, Event::VaultBackupBegun);
                match self.record(record, Urgency::Now) {
                    Ok(seq) => self.begun.push((lane, seq, backup)),
                    Err(failure) => self.answer_result(lane, Err(failure)),
                }
            }
            Ok(Step::Next(backup)) => self.slow.send(Job::Backup { lane, backup }),
            Ok(Step::Done(totals)) => {
                let mut record = self.by(lane, Event::VaultBackedUp);
                record.count = Some(u64::from(totals.secrets));
                self.note(record);
                let answer = CliAnswer::BackedUp { secrets: totals.secrets, versions: totals.versions };
                self.answer_result(lane, Ok(answer));
            }
            Err(failure) => self.not_done(lane, failure),
        }
    }

    /// INV-04: the record is on disk before the first byte of any value leaves, sealed as it is.
    pub(super) fn advance_backups(&mut self) {
        for (lane, seq, backup) in std::mem::take(&mut self.begun) {
            match self.recorder.receipt(seq) {
                Some(_receipt) => self.slow.send(Job::Backup { lane, backup }),
                None => self.begun.push((lane, seq, backup)),
            }
        }
    }

    /// The records of backups that were to begin cannot be written.
    pub(super) fn refuse_backups(&mut self, what: &str) {
        for (lane, ..) in std::mem::take(&mut self.begun) {
            let failure = Failure::new(
                FailureClass::Io,
                format!("that a backup begins cannot be recorded, so there is none: {what}"),
                "make room or mend the journal (ugent secret audit --verify)",
            );
            self.answer_cli(lane, CliAnswer::Failed(failure), Recorded::NotNeeded);
        }
    }

    pub(super) fn answer_restore(
        &mut self,
        lane: LaneId,
        both: Option<SecretBytes>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        if let Some(failure) = self.recorder.broken() {
            return Err(failure.clone());
        }
        let (both, file) = (both.ok_or_else(no_value)?, the_file(fds)?);
        self.slow.send(Job::Restore { lane, file, both, kdf: self.start.kdf, now: wall() });
        Ok(())
    }

    pub(super) fn restored(&mut self, lane: LaneId, restored: Restored) -> CliAnswer {
        let Restored { made, totals, initialized } = restored;
        let mut record = self.by(lane, Event::VaultRestored);
        record.count = Some(u64::from(totals.secrets));
        drop(self.begun_with(lane, initialized, record));
        CliAnswer::Restored { made, secrets: totals.secrets, versions: totals.versions }
    }
}

fn the_file(fds: Vec<OwnedFd>) -> Result<File, Failure> {
    fds.into_iter().next().map(File::from).ok_or_else(no_value)
}
