//! Another passphrase for the vault. The old one is checked first, by a request of its own, so that
//! nobody chooses a new one in vain; between the two nothing is kept here. Whether the vault is open
//! or locked, it stays so.

use proto::cli_lane::CliAnswer;
use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::journal::Event;

use super::answer_cli::no_value;
use super::keeper::{Keeper, Recorded};
use super::lanes::LaneId;
use super::slow::Job;

impl Keeper {
    pub(super) fn answer_check_passphrase(
        &mut self,
        lane: LaneId,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.room_for_a_record()?;
        let passphrase = passphrase.ok_or_else(no_value)?;
        self.slow.send(Job::CheckPassphrase { lane, passphrase });
        Ok(())
    }

    pub(super) fn answer_rekey(&mut self, lane: LaneId, both: Option<SecretBytes>) -> Result<(), Failure> {
        self.room_for_a_record()?;
        let both = both.ok_or_else(no_value)?;
        self.slow.send(Job::Rekey { lane, both, kdf: self.start.kdf });
        Ok(())
    }

    pub(super) fn passphrase_checked(&mut self, lane: LaneId, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.answer_cli(lane, CliAnswer::PassphraseFits, Recorded::NotNeeded),
            Err(failure) => self.not_done(lane, failure),
        }
    }

    pub(super) fn rekeyed(&mut self, lane: LaneId, result: Result<(), Failure>) {
        if let Err(failure) = result {
            return self.not_done(lane, failure);
        }
        let record = self.by(lane, Event::VaultRekeyed);
        self.note(record);
        self.answer_result(lane, Ok(CliAnswer::Rekeyed));
    }
}
