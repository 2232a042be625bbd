//! What the CLI asks: one request a turn of the lane, most of them answered by the slow-work thread.

use std::ops::Bound;
use std::os::fd::OwnedFd;

use proto::cli_lane::{CliAnswer, CliRequest, LIST_PAGE, OrphanFix, SEGMENTS_PAGE};
use proto::control_lane::{ControlReport, Wish};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::name::near::nearest;
use proto::name::{Backend, Handle};
use proto::standing::{GrantsStanding, KeeperStanding};
use unix::lane::Parcel;

use super::answer_revoke::Revocation;
use super::duty::{Condition, duty};
use super::keeper::{After, Keeper, Recorded};
use super::lanes::{LaneId, Turn, Who};
use super::slow::Job;
use crate::audit::segments;
use crate::clock::wall;
use crate::policy::grants::Grants;
use crate::store::{Deposit, Fix, Place, passphrase_missing};

impl Keeper {
    /// Answers one request, now or when its work is done.
    pub(super) fn answer_request(&mut self, lane: LaneId, parcel: Parcel<CliRequest>) {
        if let Some(Who::Cli { turn, .. }) = self.lanes.get(lane).map(|peer| &mut peer.who) {
            *turn = Turn::Ours;
        }
        let condition = Condition {
            role: self.start.role,
            set_up: self.vault.backend.is_some(),
            locked: self.vault.keys.is_none(),
            journal_broken: self.recorder.broken(),
        };
        let answered = duty(&parcel.message, &condition).and_then(|()| self.answer(lane, parcel));
        if let Err(failure) = answered {
            self.answer_cli(lane, CliAnswer::Failed(failure), Recorded::NotNeeded);
        }
    }

    fn answer(&mut self, lane: LaneId, parcel: Parcel<CliRequest>) -> Result<(), Failure> {
        let Parcel { message, value, fds } = parcel;
        match message {
            CliRequest::Init { backend } => self.answer_init(lane, backend, value),
            CliRequest::Unlock => {
                self.wish_open();
                self.slow.send(Job::Unlock { lane, passphrase: value });
                Ok(())
            }
            CliRequest::Lock => {
                self.wish_locked();
                self.lock_vault();
                self.answer_cli(lane, CliAnswer::Locked, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::CheckPassphrase => self.answer_check_passphrase(lane, value),
            CliRequest::Rekey => self.answer_rekey(lane, value),
            CliRequest::Migrate { to } => self.answer_migrate(lane, to, value),
            CliRequest::Add { handle, provider, kind, expires } => {
                let (place, now) = (Place::New, wall());
                let what = Deposit { handle, place, provider, kind, expires, keep_until: None, now };
                self.answer_add(lane, what, value)
            }
            CliRequest::Rotate { handle, expires, keep_ms } => {
                self.answer_rotate(lane, handle, (expires, keep_ms), value)
            }
            CliRequest::Rollback { handle } => self.answer_rollback(lane, handle),
            CliRequest::Remove { handle } => {
                self.known(&handle)?;
                self.room_for_a_record()?;
                self.slow.send(Job::Remove { lane, handle });
                Ok(())
            }
            CliRequest::ImportAdd { handle, provider, kind } => {
                let (place, now) = (Place::New, wall());
                let what = Deposit { handle, place, provider, kind, expires: None, keep_until: None, now };
                self.answer_import_add(lane, what, value)
            }
            CliRequest::ImportDone => self.answer_import_done(lane),
            CliRequest::Compare { handle } => self.answer_compare(lane, handle, value),
            CliRequest::Backup => self.answer_backup(lane, value, fds),
            CliRequest::Restore => self.answer_restore(lane, value, fds),
            CliRequest::List { after } => {
                let answer = self.list(after);
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::Inspect { handle } => {
                self.known(&handle)?;
                if let Some(row) = self.vault.secrets.get(&handle) {
                    let answer = CliAnswer::Inspected(row.meta());
                    self.answer_cli(lane, answer, Recorded::NotNeeded);
                }
                Ok(())
            }
            CliRequest::Journal { after } => self.answer_journal(lane, after),
            CliRequest::TokenIssue { consumer, ttl_ms } => {
                self.answer_token_issue(lane, consumer, ttl_ms, value)
            }
            CliRequest::TokenList { after } => {
                let answer = self.list_tokens(after.as_ref());
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::TokenRevoke { id } => self.answer_token_revoke(lane, id),
            CliRequest::TokenRotate { grace_ms } => self.answer_token_rotate(lane, grace_ms, value),
            CliRequest::LeaseList { after } => {
                let answer = self.list_leases(after);
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::LeaseRevoke { which, in_flight } => {
                self.answer_lease_revoke(lane, Revocation { which, in_flight }, value)
            }
            CliRequest::ApprovalList { after } => {
                let answer = self.list_approvals(after);
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::Approve { id } => self.answer_approve(lane, id, value),
            CliRequest::Deny { id } => self.answer_deny(lane, id),
            CliRequest::VerifyFiles => {
                match (self.is_in_keychain(), self.vault.id) {
                    (true, Some(vault)) => self.answer_verify_head(lane, vault)?,
                    (true | false, None | Some(_)) => {
                        let passphrase = value.ok_or_else(passphrase_missing)?;
                        self.slow.send(Job::HeaderFile { lane, passphrase });
                    }
                }
                Ok(())
            }
            CliRequest::GrantList { seen } => {
                let answer = self.list_grants(seen)?;
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::ProviderList { seen } => {
                let answer = self.list_providers(seen);
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::Explain(question) => {
                let answer = self.explain(question)?;
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::CheckPolicy => {
                let answer = self.check_policy();
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::CheckText { file, part, more } => self.answer_check_text(lane, file, &part, more),
            CliRequest::Borrow(borrow) => self.answer_borrow(lane, borrow, value),
            CliRequest::Take { secret } => self.answer_take(lane, secret),
            CliRequest::GiveBack => {
                self.answer_give_back(lane);
                Ok(())
            }
            CliRequest::Orphans { fix } => {
                let fix = match fix {
                    OrphanFix::Look => Fix::Look,
                    OrphanFix::Remove => Fix::Remove,
                };
                self.slow.send(Job::Orphans { lane, fix });
                Ok(())
            }
            CliRequest::Status => {
                let answer =
                    CliAnswer::Status { launcher: self.standing.clone(), keeper: self.keeper_standing() };
                self.answer_cli(lane, answer, Recorded::NotNeeded);
                Ok(())
            }
            CliRequest::BrokerStop => {
                self.report(&ControlReport::Wish(Wish::Stop));
                self.answer_cli(lane, CliAnswer::Stopping, Recorded::NotNeeded);
                Ok(())
            }
        }
    }

    fn answer_init(
        &mut self,
        lane: LaneId,
        wished: Option<Backend>,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        let backend = wished.or(self.start.backend).or(self.vault.backend).unwrap_or(Backend::Keychain);
        if let Some(failure) = self.recorder.broken() {
            return Err(failure.clone());
        }
        let kdf = self.start.kdf;
        self.slow.send(Job::Init { lane, backend, kdf, passphrase, now: wall() });
        Ok(())
    }

    fn list(&self, after: Option<Handle>) -> CliAnswer {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.vault.secrets.range((from, Bound::Unbounded)).map(|(_, row)| row.meta());
        let secrets = rest.by_ref().take(LIST_PAGE).collect();
        CliAnswer::Listed { secrets, more: rest.next().is_some() }
    }

    fn answer_journal(&mut self, lane: LaneId, after: u32) -> Result<(), Failure> {
        // A journal that is damaged or cannot be written can still be read.
        let mut found = segments(&self.audit, after, SEGMENTS_PAGE + 1).map_err(|error| {
            let what = format!("{} cannot be read: {error}", self.audit.display());
            Failure::new(FailureClass::Io, what, "mend its owner and modes, or restore it from a backup")
        })?;
        let more = found.len() > SEGMENTS_PAGE;
        found.truncate(SEGMENTS_PAGE);
        let (segments, fds) = found.into_iter().map(|(number, file)| (number, OwnedFd::from(file))).unzip();
        let answer = CliAnswer::Journal { segments, more };
        self.after.push(After::Cli { lane, answer, value: None, fds, recorded: Recorded::NotNeeded });
        Ok(())
    }

    fn keeper_standing(&self) -> KeeperStanding {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        KeeperStanding {
            home: self.start.home.clone(),
            backend: self.vault.backend,
            locked: self.vault.keys.is_none(),
            secrets: count(self.vault.secrets.len()),
            grants: match &self.policy.grants {
                Grants::Loaded(grants) => GrantsStanding::Loaded(count(grants.len())),
                Grants::Missing => GrantsStanding::Missing,
                Grants::Refused(complaint) => GrantsStanding::Refused(complaint.to_string()),
            },
            providers_refused: self.policy.providers.refused.as_ref().map(ToString::to_string),
            journal_broken: self
                .recorder
                .broken()
                .map(|failure| failure.what.clone())
                .or(self.trouble.clone()),
        }
    }

    pub(super) fn known(&self, handle: &Handle) -> Result<(), Failure> {
        if self.vault.secrets.contains_key(handle) {
            return Ok(());
        }
        let hint = match nearest(handle.as_str(), self.vault.secrets.keys().map(Handle::as_str)) {
            Some(near) => format!("did you mean @{near}?"),
            None => "ugent secret list   (shows the ones there are)".to_owned(),
        };
        Err(Failure::new(FailureClass::BadInput, format!("there is no secret {handle}"), hint))
    }

    /// What is done must be recorded: a disk that is full is found before it is done.
    pub(super) fn room_for_a_record(&mut self) -> Result<(), Failure> {
        self.recorder.journal()?.reserve()
    }
}

pub(super) fn no_value() -> Failure {
    Failure::new(FailureClass::Bug, "a request came without its value", "")
}
