//! The slow-work thread: Argon2, sealing, commits, reading sealed files. It owns the store; the
//! loop sends it jobs and goes on.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use proto::cli_lane::Likeness;
use proto::control_lane::KdfCost;
use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::keychain_lane::Shown;
use proto::meta::{LeaseId, Timestamp};
use proto::name::{Backend, Handle, TokenId};
use unix::wash;

use super::answer_revoke::Revocation;
use super::expiring::{Day, Warning};
use super::keychain::ByLoop;
use super::lanes::LaneId;
use super::wake::{self, Bell};
use crate::catalog::{SecretRow, VersionRow};
use crate::clock::wall;
use crate::hazmat::binding::DepositId;
use crate::hazmat::keys::{Keys, Sealed};
use crate::keychain::{Keychain, Prompting};
use crate::store::{
    Backup, Deposit, Fix, Initialized, Migrated, NewToken, NotLoaded, Place, Restored, Staged, Step, Store,
    TokenChange, Unlocked, Used,
};

/// How deep a job's calls get with a value, a passphrase or a key, and more.
const WASHED: usize = 64 * 1024;

/// What the loop wants done. `LaneId` says whom to answer.
pub(super) enum Job {
    Init { lane: LaneId, backend: Backend, kdf: KdfCost, passphrase: Option<SecretBytes>, now: Timestamp },
    Unlock { lane: LaneId, passphrase: Option<SecretBytes> },
    OpenKeychain,
    Orphans { lane: LaneId, fix: Fix },
    Deposit { lane: LaneId, keys: Arc<Keys>, what: Deposit, value: SecretBytes },
    Rollback { lane: LaneId, keys: Arc<Keys>, handle: Handle, now: Timestamp },
    DropEnded { now: Timestamp },
    Remove { lane: LaneId, handle: Handle },
    Load { keys: Option<Arc<Keys>>, row: SecretRow, version: VersionRow },
    Used { used: Used },
    Warned { warned: Vec<(DepositId, Day)>, warnings: Vec<Warning> },
    TokenIssue { lane: LaneId, passphrase: Option<SecretBytes>, what: NewToken },
    TokenRevoke { lane: LaneId, id: TokenId, now: Timestamp },
    TokenRotate { lane: LaneId, passphrase: Option<SecretBytes>, grace_ms: u64, now: Timestamp },
    LeaseRevoke { lane: LaneId, passphrase: SecretBytes, what: Revocation },
    Approve { lane: LaneId, id: LeaseId, passphrase: Option<SecretBytes> },
    CheckPassphrase { lane: LaneId, passphrase: SecretBytes },
    Rekey { lane: LaneId, both: SecretBytes, kdf: KdfCost },
    Migrate { lane: LaneId, to: Backend, kdf: KdfCost, passphrase: Option<SecretBytes> },
    HeaderFile { lane: LaneId, passphrase: SecretBytes },
    Backup { lane: LaneId, backup: Backup },
    Restore { lane: LaneId, file: File, both: SecretBytes, kdf: KdfCost, now: Timestamp },
    ImportAdd { lane: LaneId, keys: Arc<Keys>, what: Deposit, value: SecretBytes },
    ImportDone { lane: LaneId, keys: Arc<Keys>, staged: Vec<Staged> },
    Compare { lane: LaneId, keys: Arc<Keys>, handle: Handle, value: SecretBytes },
}

/// What became of it.
pub(super) enum Report {
    Init { lane: LaneId, result: Result<Initialized, Failure> },
    Unlock { lane: LaneId, result: Result<Unlocked, Failure> },
    OpenKeychain { result: Result<Unlocked, NotLoaded> },
    Orphans { lane: LaneId, result: Result<Vec<Shown>, Failure> },
    KeychainWanted,
    KeychainStuck,
    KeychainPrompt { secs: u64 },
    Deposit { lane: LaneId, place: Place, result: Result<SecretRow, Failure> },
    Rollback { lane: LaneId, result: Result<SecretRow, Failure> },
    DropEnded { result: Result<(), Failure> },
    Remove { lane: LaneId, handle: Handle, result: Result<(), Failure> },
    Load { deposit: DepositId, result: Result<Sealed, NotLoaded> },
    Used { result: Result<(), Failure> },
    Warned { warnings: Vec<Warning>, result: Result<(), Failure> },
    TokenIssue { lane: LaneId, result: Result<(SecretBytes, TokenChange), Failure> },
    TokenRevoke { lane: LaneId, result: Result<TokenChange, Failure> },
    TokenRotate { lane: LaneId, result: Result<TokenChange, Failure> },
    LeaseRevoke { lane: LaneId, what: Revocation, result: Result<(), Failure> },
    Approve { lane: LaneId, id: LeaseId, result: Result<(), Failure> },
    CheckPassphrase { lane: LaneId, result: Result<(), Failure> },
    Rekey { lane: LaneId, result: Result<(), Failure> },
    Migrate { lane: LaneId, result: Result<Migrated, Failure> },
    HeaderFile { lane: LaneId, result: Result<std::fs::File, Failure> },
    Backup { lane: LaneId, result: Result<Step, Failure> },
    Restore { lane: LaneId, result: Result<Restored, Failure> },
    ImportAdd { lane: LaneId, result: Result<Staged, Failure> },
    ImportDone { lane: LaneId, result: Result<Vec<SecretRow>, Failure> },
    Compare { lane: LaneId, handle: Handle, result: Result<(u32, Likeness), Failure> },
}

/// The loop's end of the thread.
pub(super) struct Slow {
    jobs: Option<Sender<Job>>,
    /// Lanes to the keychain's helpers.
    keychain: Option<Sender<OwnedFd>>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<()>>,
}

impl Slow {
    /// Starts the thread.
    pub(super) fn start(store: Store, bell: Bell, prompting: Prompting) -> std::io::Result<Self> {
        let (jobs, inbox) = channel();
        let (outbox, reports) = channel();
        let (keychain, lanes) = channel();
        let helpers = ByLoop { outbox: outbox.clone(), bell: bell.clone(), lanes };
        let store = store.with_keychain(Keychain::new(Box::new(helpers), prompting));
        let thread = wake::thread("slow", move || work(store, &inbox, &outbox, &bell))?;
        Ok(Self { jobs: Some(jobs), keychain: Some(keychain), reports, thread: Some(thread) })
    }

    /// Hands over a job. They are done in order.
    pub(super) fn send(&self, job: Job) {
        // The thread ends only after `finish` has dropped the sender; nothing is sent after that.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }

    /// Hands over a lane to a helper of the keychain, which was wanted.
    pub(super) fn helper(&self, lane: OwnedFd) {
        if let Some(keychain) = &self.keychain {
            let _ = keychain.send(lane);
        }
    }

    /// The next report, if there is one.
    pub(super) fn report(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }

    /// Waits until all jobs are done, and returns the reports nobody took.
    pub(super) fn finish(&mut self) -> Vec<Report> {
        self.jobs = None;
        // Nobody brings any more.
        self.keychain = None;
        // With panic = "abort" a thread that panics takes the process with it, so join succeeds.
        let _ = self.thread.take().map(JoinHandle::join);
        self.reports.try_iter().collect()
    }
}

fn work(mut store: Store, inbox: &Receiver<Job>, outbox: &Sender<Report>, bell: &Bell) {
    while let Ok(job) = inbox.recv() {
        let report = done(&mut store, job);
        // A value was sealed, or a passphrase taken.
        wash::stack::<WASHED>();
        if outbox.send(report).is_err() {
            return;
        }
        bell.ring();
    }
}

/// In frames of its own, which are washed afterwards.
#[inline(never)]
fn done(store: &mut Store, job: Job) -> Report {
    match job {
        Job::Init { lane, backend, kdf, passphrase, now } => {
            Report::Init { lane, result: store.init(backend, kdf, passphrase, now) }
        }
        Job::Unlock { lane, passphrase } => {
            let result = store.unlock(passphrase);
            if result.is_ok() {
                // What a crash left behind is no loss if it stays until the next time.
                let _ = store.drop_ended_versions(wall());
                let _ = store.drop_orphans();
            }
            Report::Unlock { lane, result }
        }
        Job::Deposit { lane, keys, what, value } => {
            let place = what.place;
            Report::Deposit { lane, place, result: store.deposit(&keys, what, value) }
        }
        Job::Rollback { lane, keys, handle, now } => {
            Report::Rollback { lane, result: store.rollback(&keys, &handle, now) }
        }
        Job::DropEnded { now } => Report::DropEnded { result: store.drop_ended_versions(now) },
        Job::Remove { lane, handle } => {
            let result = store.remove(&handle);
            Report::Remove { lane, handle, result }
        }
        Job::OpenKeychain => {
            let result = store.open_keychain();
            if result.is_ok() {
                let _ = store.drop_ended_versions(wall());
                let _ = store.drop_orphans();
            }
            Report::OpenKeychain { result }
        }
        Job::Orphans { lane, fix } => Report::Orphans { lane, result: store.keychain_orphans(fix) },
        Job::Load { keys, row, version } => {
            let result = store.load(keys.as_deref(), &row, &version);
            Report::Load { deposit: version.deposit, result }
        }
        Job::Used { used } => Report::Used { result: store.used(&used) },
        Job::Warned { warned, warnings } => Report::Warned { warnings, result: store.warned(&warned) },
        Job::TokenIssue { lane, passphrase, what } => {
            Report::TokenIssue { lane, result: store.issue_token(passphrase, what) }
        }
        Job::TokenRevoke { lane, id, now } => {
            Report::TokenRevoke { lane, result: store.revoke_token(&id, now) }
        }
        Job::TokenRotate { lane, passphrase, grace_ms, now } => {
            Report::TokenRotate { lane, result: store.rotate_token(passphrase, grace_ms, now) }
        }
        Job::LeaseRevoke { lane, passphrase, what } => {
            Report::LeaseRevoke { lane, what, result: store.check_passphrase(&passphrase) }
        }
        Job::Approve { lane, id, passphrase } => {
            Report::Approve { lane, id, result: store.ask_anew(passphrase) }
        }
        Job::CheckPassphrase { lane, passphrase } => {
            Report::CheckPassphrase { lane, result: store.check_passphrase(&passphrase) }
        }
        Job::Rekey { lane, both, kdf } => Report::Rekey { lane, result: store.rekey(both, kdf) },
        Job::Migrate { lane, to, kdf, passphrase } => {
            Report::Migrate { lane, result: store.migrate(to, kdf, passphrase) }
        }
        Job::HeaderFile { lane, passphrase } => {
            Report::HeaderFile { lane, result: store.header_file(&passphrase) }
        }
        Job::Backup { lane, backup } => Report::Backup { lane, result: store.back_up(backup) },
        Job::Restore { lane, file, both, kdf, now } => {
            Report::Restore { lane, result: store.restore(file, both, kdf, now) }
        }
        Job::ImportAdd { lane, keys, what, value } => {
            Report::ImportAdd { lane, result: store.stage(&keys, &what, value) }
        }
        Job::ImportDone { lane, keys, staged } => {
            Report::ImportDone { lane, result: store.import(&keys, staged) }
        }
        Job::Compare { lane, keys, handle, value } => {
            let result = store.compare(&keys, &handle, &value);
            Report::Compare { lane, handle, result }
        }
    }
}
