//! Leases end by their time, when what they rest on changes, at lock and at shutdown. Each end is
//! recorded with its reason.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use proto::control_lane::{ControlReport, LogLevel};
use proto::journal::{Event, Reason};
use proto::lease_lane::LeaseAnswer;
use proto::name::{Delivery, Handle};

use super::asks::of_lease;
use super::flood::Bucket;
use super::keeper::Keeper;
use super::recorder::Urgency;
use crate::clock::{Moment, wall};
use crate::policy::grants::Grants;
use crate::policy::lease_book::Lease;

impl Keeper {
    /// Ends the leases whose time is over.
    pub(super) fn end_expired(&mut self) {
        let ended = self.leases.end_expired(Moment::now());
        self.record_ends(ended, Reason::Expired);
    }

    /// Ends the leases of a secret.
    pub(super) fn end_of_secret(&mut self, handle: &Handle, reason: Reason) {
        self.end_leases(reason, |lease| lease.key.secret == *handle);
    }

    /// Ends leases, with a record each.
    pub(super) fn end_leases(&mut self, reason: Reason, ends: impl FnMut(&Lease) -> bool) {
        let ended = self.leases.end_where(ends);
        self.record_ends(ended, reason);
        // What ends leases may concern those that are to be, too.
        self.approvals.stale = Some(reason);
    }

    /// Records refusals that were only counted.
    pub(super) fn record_flood(&mut self, counts: BTreeMap<Bucket, u64>) {
        for (Bucket { caller, reason }, count) in counts {
            let of = caller.as_ref().map(|caller| format!(" of {caller}")).unwrap_or_default();
            let text = format!("a flood: {count} more asks{of} refused as {reason} within a second");
            self.log(LogLevel::Warn, &text);
            let mut record = Self::event(Event::LeaseDenied);
            record.consumer = caller;
            record.reason = Some(reason);
            record.count = Some(count);
            let _ = self.owe(record);
        }
    }

    /// Cuts off what the journal is to keep no longer: recorded first.
    pub(super) fn cut_journal(&mut self) {
        let Ok(journal) = self.recorder.journal() else { return };
        let Some(cut) = journal.due_cut(Instant::now(), wall()) else { return };
        let mut record = Self::event(Event::JournalCut);
        record.count = Some(cut.last);
        if let Ok(seq) = self.record(record, Urgency::Now) {
            self.log(LogLevel::Info, &format!("the journal's records up to {} are cut off", cut.last));
            if let Ok(journal) = self.recorder.journal() {
                journal.cut_recorded(cut, seq);
            }
        }
    }

    fn record_ends(&mut self, ended: Vec<Lease>, reason: Reason) {
        for lease in ended {
            let mut record = of_lease(Event::LeaseEnded, &lease);
            record.reason = Some(reason);
            // The lease is over, recorded or not.
            let _ = self.owe(record);
        }
    }

    /// Reads again what has changed of the policy files.
    pub(super) fn reread_policy(&mut self) {
        let changed = self.policy.files.changed();
        if changed.grants {
            let grants = self.policy.files.grants();
            if grants != self.policy.grants {
                self.take_grants(grants);
            }
        }
        if changed.providers {
            let providers = self.policy.files.providers();
            if providers != self.policy.providers {
                self.policy.providers = providers;
                self.end_moved();
                self.tell_providers();
            }
        }
    }

    /// Puts other grants in force, and ends the leases whose grant is not what it was.
    pub(super) fn take_grants(&mut self, grants: Grants) {
        self.policy.grants = grants;
        let in_force: HashSet<_> = self.policy.grants.in_force().iter().map(|placed| placed.mark).collect();
        self.end_leases(Reason::GrantChanged, |lease| !in_force.contains(&lease.key.grant));
        self.uses.keep_only(self.policy.grants.in_force());
        self.tell_grants();
        self.advance_parked();
    }

    /// Logs what the grants file amounts to, and records it where grants are of consequence.
    pub(super) fn tell_grants(&mut self) {
        let (event, reason, level, text) = match &self.policy.grants {
            Grants::Loaded(grants) => {
                let text = format!("grants: {} in force", grants.len());
                (Event::GrantsLoaded, None, LogLevel::Info, text)
            }
            Grants::Missing => {
                let text = "grants: there is no secrets.grants.toml, so everything is denied".to_owned();
                (Event::GrantsRefused, Some(Reason::GrantsMissing), LogLevel::Warn, text)
            }
            Grants::Refused(complaint) => {
                let text =
                    format!("grants: secrets.grants.toml is refused, so everything is denied: {complaint}");
                (Event::GrantsRefused, Some(Reason::GrantsUnusable), LogLevel::Error, text)
            }
        };
        self.log(level, &text);
        if self.is_broker() {
            let mut record = Self::event(event);
            record.reason = reason;
            self.note(record);
        }
    }

    /// Tells the launcher how each provider is reached.
    pub(super) fn tell_providers(&mut self) {
        if !self.is_broker() {
            return;
        }
        if let Some(complaint) = &self.policy.providers.refused {
            let text =
                format!("providers: secrets.providers.toml is refused, the built-in ones go on: {complaint}");
            self.log(LogLevel::Error, &text);
        }
        let mut reports = Vec::new();
        for provider in self.policy.providers.iter() {
            reports.extend(provider.transports().map(ControlReport::Transport));
            let id = &provider.transport.provider;
            reports.extend(
                provider
                    .anchors
                    .iter()
                    .map(|der| ControlReport::Anchor { provider: id.clone(), der: der.clone() }),
            );
        }
        reports.push(ControlReport::TransportsEnd);
        for report in &reports {
            self.report(report);
        }
    }

    /// Tells every worker whether asks will find the vault open.
    pub(super) fn tell_state(&mut self) {
        let locked = self.vault.keys.is_none();
        for lane in self.lanes.egress() {
            self.push_lease(lane, &LeaseAnswer::State { locked }, None);
        }
    }

    fn end_moved(&mut self) {
        let providers = &self.policy.providers;
        let secrets = &self.vault.secrets;
        let ended = self.leases.end_where(|lease| {
            match lease.key.delivery {
                Delivery::HttpHeaderInject => {}
                // It goes to no host.
                Delivery::Native | Delivery::EnvInject => return false,
            }
            let own = secrets.get(&lease.key.secret).and_then(|row| providers.find(&row.provider));
            let provider = own.or_else(|| providers.without_secret(&lease.key.secret));
            provider.is_none_or(|provider| provider.hosts().all(|host| *host != lease.key.host))
        });
        self.record_ends(ended, Reason::ProviderChanged);
        self.approvals.stale = Some(Reason::ProviderChanged);
    }
}
