//! All values move to where the vault is to be from now on. Only a command's own keeper does this: both
//! of the vault's keys are bare for a moment, and one that serves a broker must never hold the root.

use proto::cli_lane::CliAnswer;
use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::journal::Event;
use proto::name::Backend;

use super::keeper::Keeper;
use super::lanes::LaneId;
use super::slow::Job;
use crate::store::Migrated;

impl Keeper {
    pub(super) fn answer_migrate(
        &mut self,
        lane: LaneId,
        to: Backend,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.room_for_a_record()?;
        self.slow.send(Job::Migrate { lane, to, kdf: self.start.kdf, passphrase });
        Ok(())
    }

    /// Recorded where it has moved, also where something was left behind.
    pub(super) fn migrated(&mut self, lane: LaneId, result: Result<Migrated, Failure>) {
        let Migrated { contents, left } = match result {
            Ok(migrated) => migrated,
            Err(failure) => return self.not_done(lane, failure),
        };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let secrets = count(contents.secrets.len());
        let versions = count(contents.secrets.iter().map(|row| row.versions.len()).sum());
        let moved = self.vault.backend != contents.backend;
        self.vault.learn(&contents);
        if moved {
            let mut record = self.by(lane, Event::VaultMigrated);
            record.count = Some(u64::from(secrets));
            self.note(record);
        }
        self.answer_result(lane, left.map_or(Ok(CliAnswer::Migrated { secrets, versions }), Err));
    }
}
