//! Secrets that come together: each is sealed as it comes, and all are stored at the end, or none. What
//! a lane has sent goes with the lane.

use proto::cli_lane::{CliAnswer, IMPORT_MAX};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;

use super::answer_cli::no_value;
use super::keeper::{Keeper, Recorded};
use super::lanes::LaneId;
use super::slow::Job;
use crate::catalog::SecretRow;
use crate::store::{Deposit, Place, Staged};

/// Most bytes of sealed values that a lane may have wait here.
const WAITING_MAX: usize = 1024 * 1024;

impl Keeper {
    pub(super) fn answer_import_add(
        &mut self,
        lane: LaneId,
        what: Deposit,
        value: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.may_add(&what.handle, &what.provider)?;
        let value = value.ok_or_else(no_value)?;
        let waiting = self.imports.get(&lane).map(Vec::as_slice).unwrap_or_default();
        if waiting.iter().any(|staged| staged.row.handle == what.handle) {
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("{} comes twice, so nothing was imported", what.handle),
                "give every secret a name of its own",
            ));
        }
        let bytes: usize = waiting.iter().map(Staged::bytes).sum();
        if waiting.len() >= IMPORT_MAX || bytes.saturating_add(value.len()) > WAITING_MAX {
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("an import has at most {IMPORT_MAX} secrets and 1 MiB, so nothing was imported"),
                "import them in several parts",
            ));
        }
        let Some(keys) = self.vault.keys.clone() else { return Err(no_value()) };
        self.slow.send(Job::ImportAdd { lane, keys, what, value });
        Ok(())
    }

    pub(super) fn import_noted(&mut self, lane: LaneId, result: Result<Staged, Failure>) {
        if self.lanes.get(lane).is_none() {
            return;
        }
        let answer = result.map(|staged| {
            self.imports.entry(lane).or_default().push(staged);
            CliAnswer::ImportNoted
        });
        let answer = answer.unwrap_or_else(CliAnswer::Failed);
        self.answer_cli(lane, answer, Recorded::NotNeeded);
    }

    pub(super) fn answer_import_done(&mut self, lane: LaneId) -> Result<(), Failure> {
        self.room_for_a_record()?;
        let Some(keys) = self.vault.keys.clone() else { return Err(no_value()) };
        let staged = self.imports.remove(&lane).unwrap_or_default();
        self.slow.send(Job::ImportDone { lane, keys, staged });
        Ok(())
    }

    pub(super) fn imported(&mut self, lane: LaneId, rows: Vec<SecretRow>) -> CliAnswer {
        let secrets = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for row in rows {
            drop(self.deposited(lane, Place::New, row));
        }
        CliAnswer::Imported { secrets }
    }
}
