//! Who borrows, and what the judge says of each secret of a loan: a loan is judged as a whole. The lease for
//! what was granted is found or issued here, and entered in the lane's loan.

use std::collections::BTreeMap;

use proto::journal::{Event, Reason};
use proto::lease_lane::Caller;
use proto::loan::NotLent;
use proto::name::{Consumer, Handle, Host, ProviderId};

use super::asks::Presented;
use super::keeper::Keeper;
use super::lanes::{LaneId, Who};
use super::loans::{Asker, Lent, Loan, State};
use crate::clock::{Moment, wall};
use crate::policy::judge::{Ask, Granted, Verdict, judge};
use crate::policy::lease_book::{Lease, LeaseKey};

/// What labels begin with that any program of the user may take.
const PLUGIN: &str = "plugin:";

impl Keeper {
    /// Who borrows. Without a token there are only labels, which any program of the user may take:
    /// they tell its programs apart, and keep none of them from anything.
    pub(super) fn borrower(
        &mut self,
        lane: LaneId,
        named: Option<&Consumer>,
        token: &Presented,
    ) -> Option<Consumer> {
        let Some(Who::Cli { uid, pid, .. }) = self.lanes.get(lane).map(|peer| peer.who) else { return None };
        let (tokens, tokenless) = (&self.policy.tokens, &self.policy.tokenless);
        let by_token = match token {
            Presented::Nonsense => return None,
            Presented::Token(digest) => Some(Some(digest)),
            Presented::Nothing => None,
        };
        let found = tokens.consumer(by_token.flatten(), Caller::Unix { uid, pid }, tokenless, wall());
        match named {
            None => found,
            Some(named) if found.as_ref() == Some(named) => found,
            Some(named) => {
                let is_label = *named == Consumer::cli() || named.as_str().starts_with(PLUGIN);
                (is_label && by_token.is_none()).then(|| named.clone())
            }
        }
    }

    /// The verdict on each: grants, or what stands in the way.
    pub(super) fn judge_loan(
        &mut self,
        lane: LaneId,
        asker: &Asker,
        secrets: &[Handle],
    ) -> (Vec<Granted>, Vec<NotLent>) {
        let (mut all, mut refused) = (Vec::new(), Vec::new());
        for secret in secrets {
            let judged = self.judged(asker, secret).and_then(|granted| {
                let held = self.loans.get(&lane).and_then(|loan| loan.lent.get(secret));
                // It has its place in the limits already.
                if held.is_some_and(|held| held.key.grant == granted.grant) {
                    return Ok(granted);
                }
                let room = self.uses.has_room(granted.grant, granted.limits, Moment::now());
                room.map(|()| granted).map_err(|_| Reason::RateLimited)
            });
            match judged {
                Ok(granted) => all.push(granted),
                Err(reason) => refused.push(NotLent { secret: secret.clone(), reason }),
            }
        }
        (all, refused)
    }

    pub(super) fn judged(&self, asker: &Asker, secret: &Handle) -> Result<Granted, Reason> {
        let ask = self.loan_ask(asker, secret).ok_or(Reason::NoSecret)?;
        match judge(&self.policy.grants, |handle| self.vault.candidate(handle), &ask, wall()) {
            // A program that is about to start waits for nobody: what asks a person is for the gateway.
            Verdict::Grant(granted) if granted.approving.is_some() => Err(Reason::ApprovalDenied),
            Verdict::Grant(granted) => Ok(granted),
            Verdict::Deny(reason) => Err(reason),
        }
    }

    /// A loan has no host and no request: nothing of a grant that is about these is looked at.
    fn loan_ask(&self, asker: &Asker, secret: &Handle) -> Option<Ask> {
        let provider = match self.vault.secrets.get(secret) {
            Some(row) => row.provider.clone(),
            // Unknown, which the judge says in its own order of reasons.
            None => ProviderId::parse("generic").ok()?,
        };
        let Asker { consumer, purpose, delivery } = asker.clone();
        let host = Host::parse("localhost").ok()?;
        let named = Some(secret.clone());
        Some(Ask {
            consumer,
            provider,
            purpose,
            delivery,
            host,
            marked_host: None,
            named,
            method: None,
            path: None,
        })
    }

    /// The lease for that, a new one if there is none, entered in the lane's loan.
    pub(super) fn lent_under(&mut self, lane: LaneId, asker: &Asker, granted: &Granted) -> Option<Lease> {
        let ask = self.loan_ask(asker, &granted.secret)?;
        let key = LeaseKey::new(granted, &ask);
        let lease = match self.leases.find(&key, Moment::now()) {
            Some(lease) => lease.clone(),
            None => {
                let by = self.by(lane, Event::LeaseIssued);
                self.issue(key.clone(), granted, None, (by.uid, by.pid))?
            }
        };
        let empty = || Loan { asker: asker.clone(), lent: BTreeMap::new() };
        let loan = self.loans.entry(lane).or_insert_with(empty);
        match loan.lent.get_mut(&granted.secret) {
            Some(lent) if lent.key.grant == key.grant => lent.key = key,
            Some(lent) => {
                self.uses.end(lent.key.grant);
                self.uses.begin(key.grant, granted.limits, Moment::now());
                lent.key = key;
            }
            None => {
                self.uses.begin(key.grant, granted.limits, Moment::now());
                loan.lent.insert(granted.secret.clone(), Lent { key, state: State::Here });
            }
        }
        Some(lease)
    }
}
