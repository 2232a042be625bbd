//! What the slow-work thread reports: state is taken over, recorded, and the asker answered.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use proto::cli_lane::{CliAnswer, InitItem, LIST_PAGE};
use proto::control_lane::{ControlReport, LogLevel};
use proto::failure::{Failure, FailureClass};
use proto::journal::{Event, Reason, Record};
use proto::keychain_lane::Shown;
use proto::name::Consumer;

use super::keeper::{After, Awaited, Keeper, Recorded};
use super::lanes::{LaneId, Who};
use super::recorder::Urgency;
use super::slow::Report;
use crate::audit::{checkpoint_file, head_file};
use crate::catalog::SecretRow;
use crate::hazmat::binding::VaultId;
use crate::store::{Initialized, NotLoaded, Place, Unlocked};

impl Keeper {
    /// Takes over one report.
    pub(super) fn take_report(&mut self, report: Report) {
        match report {
            Report::Init { lane, result } => {
                let answer = result.map(|done| self.initialized(lane, done));
                self.answer_result(lane, answer);
            }
            Report::Unlock { lane, result } => self.unlock_done(lane, result),
            Report::Deposit { lane, place, result } => {
                let answer = result.map(|row| CliAnswer::Deposited(self.deposited(lane, place, row).meta()));
                self.answer_result(lane, answer);
            }
            Report::Rollback { lane, result } => {
                let answer = result.map(|row| CliAnswer::RolledBack(self.rolled_back(lane, row).meta()));
                self.answer_result(lane, answer);
            }
            Report::DropEnded { result } => {
                if let Err(failure) = result {
                    self.log(
                        LogLevel::Warn,
                        &format!("an earlier version could not be dropped: {}", failure.what),
                    );
                }
            }
            Report::Remove { lane, handle, result } => {
                if result.is_ok() {
                    self.end_of_secret(&handle, Reason::SecretRemoved);
                    self.vault.remove(&handle);
                    let mut record = self.by(lane, Event::SecretRemoved);
                    record.secret = Some(handle);
                    self.note(record);
                }
                self.answer_result(lane, result.map(|()| CliAnswer::Removed));
            }
            Report::Load { deposit, result } => {
                match result {
                    Ok(sealed) => {
                        let kept = Duration::from_secs(u64::from(self.start.cache_secs));
                        let until = self.is_in_keychain().then(|| Instant::now() + kept);
                        self.vault.files.loaded(deposit, sealed, until);
                    }
                    Err(NotLoaded { reason, failure }) => {
                        self.log(LogLevel::Error, &failure.what);
                        self.vault.files.failed(deposit, reason);
                    }
                }
                self.advance_parked();
                self.vault.files.forget_failed();
            }
            Report::OpenKeychain { result } => self.keychain_tried(result),
            Report::Orphans { lane, result } => self.orphans_found(lane, result),
            Report::KeychainWanted => self.want_keychain(),
            Report::KeychainStuck => self.keychain_stuck(),
            Report::KeychainPrompt { secs } => self.log(
                LogLevel::Warn,
                &format!("the keychain is locked: the desktop asks to unlock it (within {secs} seconds)"),
            ),
            Report::Used { result } => {
                if let Err(failure) = result {
                    self.log(LogLevel::Warn, &format!("last_used could not be kept: {}", failure.what));
                }
            }
            Report::Warned { warnings, result } => self.warn_of_expiries(warnings, result),
            Report::TokenIssue { lane, result } => self.token_issued(lane, result),
            Report::TokenRevoke { lane, result } => self.token_revoked(lane, result),
            Report::TokenRotate { lane, result } => self.token_rotated(lane, result),
            Report::LeaseRevoke { lane, what, result } => self.lease_revoke_checked(lane, &what, result),
            Report::Approve { lane, id, result } => self.approve_checked(lane, id, result),
            Report::CheckPassphrase { lane, result } => self.passphrase_checked(lane, result),
            Report::Rekey { lane, result } => self.rekeyed(lane, result),
            Report::Migrate { lane, result } => self.migrated(lane, result),
            Report::Backup { lane, result } => self.backup_stepped(lane, result),
            Report::Restore { lane, result } => {
                let answer = result.map(|restored| self.restored(lane, restored));
                self.answer_result(lane, answer);
            }
            Report::ImportAdd { lane, result } => self.import_noted(lane, result),
            Report::ImportDone { lane, result } => {
                let answer = result.map(|rows| self.imported(lane, rows));
                self.answer_result(lane, answer);
            }
            Report::Compare { lane, handle, result } => self.compared(lane, handle, result),
            Report::HeaderFile { lane, result } => {
                match result.and_then(|header| self.verify_files(header)) {
                    Ok(fds) => {
                        let answer = CliAnswer::VerifyFiles;
                        self.after.push(After::Cli {
                            lane,
                            answer,
                            value: None,
                            fds,
                            recorded: Recorded::NotNeeded,
                        });
                    }
                    // Not recorded, also where it is a wrong passphrase: to verify is to read only.
                    Err(failure) => self.answer_result(lane, Err(failure)),
                }
            }
        }
    }

    /// Wipes the keys. What must be recorded with them is written first.
    pub(super) fn lock_vault(&mut self) {
        if self.vault.keys.is_none() {
            return;
        }
        self.end_leases(Reason::VaultLocked, |_| true);
        self.note(Self::event(Event::VaultLocked));
        self.settle();
        self.vault.lock();
        if let Ok(journal) = self.recorder.journal() {
            journal.lock();
        }
        self.tell_state();
        self.advance_parked();
    }

    fn orphans_found(&mut self, lane: LaneId, result: Result<Vec<Shown>, Failure>) {
        let shown = |mut orphans: Vec<Shown>| {
            let count = u32::try_from(orphans.len()).unwrap_or(u32::MAX);
            orphans.truncate(LIST_PAGE);
            CliAnswer::Orphans {
                count,
                first: orphans.into_iter().filter_map(|shown| shown.handle).collect(),
            }
        };
        self.answer_result(lane, result.map(shown));
    }

    pub(super) fn answer_result(&mut self, lane: LaneId, result: Result<CliAnswer, Failure>) {
        match result {
            Ok(answer) => self.answer_cli(lane, answer, Recorded::Needed),
            Err(failure) => self.answer_cli(lane, CliAnswer::Failed(failure), Recorded::NotNeeded),
        }
    }

    fn initialized(&mut self, lane: LaneId, done: Initialized) -> CliAnswer {
        let backend = done.contents.backend.unwrap_or(proto::name::Backend::FileVault);
        let record = self.by(lane, Event::VaultInitialized);
        let items = self.begun_with(lane, done, record);
        CliAnswer::Initialized { backend, items }
    }

    /// Takes over a vault that may have been made just now, and then is recorded with that.
    pub(super) fn begun_with(&mut self, lane: LaneId, done: Initialized, record: Record) -> Vec<InitItem> {
        let Initialized { items, made, contents } = done;
        self.vault.learn(&contents);
        self.policy.tokens.learn(contents.tokens);
        if let Some(unlocked) = made {
            // The vault is made either way; without keys it is opened by the next command.
            if let Err(failure) = self.take_keys(unlocked) {
                self.log(LogLevel::Error, &failure.what);
            }
            self.note(record);
        }
        if items.iter().any(|item| item.path.ends_with("/broker.token") && !item.existed) {
            let mut record = self.by(lane, Event::TokenIssued);
            record.consumer = Some(Consumer::ugent_core());
            self.note(record);
        }
        items
    }

    fn unlock_done(&mut self, lane: LaneId, result: Result<Unlocked, Failure>) {
        let opened = match result {
            // It was not tried.
            Err(failure) if failure.class == FailureClass::TryAgain => Err(failure),
            Err(failure) => {
                let mut record = self.by(lane, Event::VaultUnlockFailed);
                record.reason = Some(match failure.class {
                    FailureClass::Refused => Reason::WrongPassphrase,
                    FailureClass::Unreachable | FailureClass::TryAgain if self.is_in_keychain() => {
                        Reason::KeychainUnreachable
                    }
                    FailureClass::Usage
                    | FailureClass::BadInput
                    | FailureClass::Unreachable
                    | FailureClass::Bug
                    | FailureClass::Io
                    | FailureClass::TryAgain
                    | FailureClass::Config => Reason::VaultDamaged,
                });
                self.note(record);
                Err(failure)
            }
            // Unlocked before: the passphrase was right, and nothing changes.
            Ok(_) if self.vault.keys.is_some() => Ok(()),
            Ok(unlocked) => self.take_keys(unlocked).map(|()| {
                let record = self.by(lane, Event::VaultUnlocked);
                // Leases may be asked for from here on; a journal that is of no use refuses them.
                let _ = self.record(record, Urgency::Soon);
            }),
        };
        if lane == self.control {
            self.passphrase = Awaited::No;
            let report = match opened {
                Ok(()) => ControlReport::Unlocked,
                Err(failure) => ControlReport::UnlockFailed(failure),
            };
            self.report(&report);
        } else {
            self.answer_result(lane, opened.map(|()| CliAnswer::Unlocked));
        }
    }

    pub(super) fn take_keys(&mut self, unlocked: Unlocked) -> Result<(), Failure> {
        let Unlocked { keys, chain } = unlocked;
        match self.recorder.journal() {
            Ok(journal) => journal.unlock(&keys, chain)?,
            // Reading goes on without a journal; whatever needs a record is refused.
            Err(failure) => self.log(LogLevel::Error, &failure.what.clone()),
        }
        self.vault.keys = Some(keys);
        self.tell_state();
        self.advance_parked();
        Ok(())
    }

    pub(super) fn deposited(&mut self, lane: LaneId, place: Place, row: SecretRow) -> SecretRow {
        let event = match place {
            Place::New => Event::SecretAdded,
            Place::NextVersion => Event::SecretRotated,
        };
        let mut record = self.by(lane, event);
        record.secret = Some(row.handle.clone());
        record.version = row.versions.last().map(|version| version.version);
        self.end_of_secret(&row.handle.clone(), Reason::SecretRotated);
        self.vault.put(row.clone());
        self.note(record);
        row
    }

    fn rolled_back(&mut self, lane: LaneId, row: SecretRow) -> SecretRow {
        let mut record = self.by(lane, Event::SecretRolledBack);
        record.secret = Some(row.handle.clone());
        record.version = row.current().map(|version| version.version);
        self.end_of_secret(&row.handle.clone(), Reason::SecretRolledBack);
        self.vault.put(row.clone());
        self.note(record);
        row
    }

    /// What a verifier needs of a vault in a keychain, which has no header.
    pub(super) fn answer_verify_head(&mut self, lane: LaneId, vault: VaultId) -> Result<(), Failure> {
        let (answer, fds) = (CliAnswer::VerifyHead { vault: vault.0 }, self.verify_head()?);
        self.after.push(After::Cli { lane, answer, value: None, fds, recorded: Recorded::NotNeeded });
        Ok(())
    }

    fn verify_files(&mut self, header: std::fs::File) -> Result<Vec<OwnedFd>, Failure> {
        let mut fds = self.verify_head()?;
        fds.push(header.into());
        Ok(fds)
    }

    /// Sealed head, checkpoint.
    fn verify_head(&mut self) -> Result<Vec<OwnedFd>, Failure> {
        let head = head_file(&self.audit).map_err(|error| unreadable("the journal's head", &error))?;
        let checkpoint = checkpoint_file(&self.audit)
            .map_err(|error| unreadable("the checkpoint of the journal's key", &error))?;
        Ok(vec![head.into(), checkpoint.into()])
    }

    /// A record of now, of what the peer of that lane did.
    pub(super) fn by(&mut self, lane: LaneId, event: Event) -> Record {
        let mut record = Self::event(event);
        match self.lanes.get(lane).map(|peer| peer.who) {
            Some(Who::Cli { uid, pid, .. }) => {
                record.uid = Some(uid);
                record.pid = Some(pid).filter(|pid| *pid != 0);
            }
            Some(Who::Control | Who::Egress { .. }) | None => {}
        }
        record
    }
}

fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureClass::BadInput,
        format!("{what} cannot be opened: {error}"),
        "restore it from a backup",
    )
}
