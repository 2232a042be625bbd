//! Values that come in, and earlier ones that are gone back to.

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::Timestamp;
use proto::name::{Handle, ProviderId};

use super::answer_cli::no_value;
use super::keeper::Keeper;
use super::lanes::LaneId;
use super::slow::Job;
use crate::clock::wall;
use crate::store::{Deposit, Place, nothing_earlier};

impl Keeper {
    pub(super) fn answer_add(
        &mut self,
        lane: LaneId,
        what: Deposit,
        value: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.may_add(&what.handle, &what.provider)?;
        self.deposit(lane, what, value)
    }

    /// Whether the name is free, and there is such a provider.
    pub(super) fn may_add(&self, handle: &Handle, provider: &ProviderId) -> Result<(), Failure> {
        if self.vault.secrets.contains_key(handle) {
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("{handle} exists already, and was not changed"),
                format!("ugent secret rotate {handle} --stdin   (for a new version of it)"),
            ));
        }
        let providers = &self.policy.providers;
        let is_known = providers.find(provider).is_some() || providers.unplaced().contains(provider);
        if !provider.is_generic() && !is_known {
            let placed = providers.iter().map(|known| known.transport.provider.to_string());
            let known: Vec<_> = placed.chain(providers.unplaced().iter().map(ToString::to_string)).collect();
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("there is no provider of that name, so {handle} was not added"),
                format!("--provider is one of: {}, generic", known.join(", ")),
            ));
        }
        Ok(())
    }

    /// With when the new value expires, and for how long the one before is kept.
    pub(super) fn answer_rotate(
        &mut self,
        lane: LaneId,
        handle: Handle,
        (expires, keep_ms): (Option<Timestamp>, u64),
        value: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        self.known(&handle)?;
        let Some(row) = self.vault.secrets.get(&handle) else { return Ok(()) };
        let (provider, kind, now) = (row.provider.clone(), row.kind, wall());
        let keep_until = (keep_ms > 0).then(|| Timestamp(now.0.saturating_add(keep_ms)));
        let place = Place::NextVersion;
        self.deposit(lane, Deposit { handle, place, provider, kind, expires, keep_until, now }, value)
    }

    pub(super) fn answer_rollback(&mut self, lane: LaneId, handle: Handle) -> Result<(), Failure> {
        self.known(&handle)?;
        let now = wall();
        if self.vault.secrets.get(&handle).is_some_and(|row| row.earlier(now).is_none()) {
            return Err(nothing_earlier(&handle));
        }
        self.room_for_a_record()?;
        let Some(keys) = self.vault.keys.clone() else { return Ok(()) };
        self.slow.send(Job::Rollback { lane, keys, handle, now });
        Ok(())
    }

    fn deposit(&mut self, lane: LaneId, what: Deposit, value: Option<SecretBytes>) -> Result<(), Failure> {
        if what.expires.is_some_and(|end| end <= what.now) {
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("the value for {} would have expired already, so it was not taken", what.handle),
                "give --expires a day to come, as in 2030-12-31, or leave it out",
            ));
        }
        self.room_for_a_record()?;
        let value = value.ok_or_else(no_value)?;
        let Some(keys) = self.vault.keys.clone() else { return Ok(()) };
        self.slow.send(Job::Deposit { lane, keys, what, value });
        Ok(())
    }
}
