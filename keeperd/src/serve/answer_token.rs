//! Broker tokens: what the CLI asks about them, and what becomes of it. Who issues or rotates one
//! gives the passphrase anew; a revoked one is refused from the answer on, its consumer's leases
//! ended before.

use proto::cli_lane::{CliAnswer, TOKENS_PAGE};
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::{Event, Reason};
use proto::name::{Consumer, TokenId};

use super::keeper::{After, Keeper, Recorded, done_unrecorded};
use super::lanes::LaneId;
use super::recorder::Urgency;
use super::slow::Job;
use crate::catalog::{TokenRow, TokenUse};
use crate::clock::wall;
use crate::store::{NewToken, TokenChange, no_bootstrap, unknown_token};

impl Keeper {
    pub(super) fn answer_token_issue(
        &mut self,
        lane: LaneId,
        consumer: Consumer,
        ttl_ms: Option<u64>,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        if ttl_ms == Some(0) {
            return Err(Failure::new(
                FailureClass::BadInput,
                "a token that is over at once is of no use",
                "give --ttl a span, as in 30d, or leave it out",
            ));
        }
        self.room_for_a_record()?;
        let what = NewToken { consumer, ttl_ms, now: wall() };
        self.slow.send(Job::TokenIssue { lane, passphrase, what });
        Ok(())
    }

    pub(super) fn answer_token_revoke(&mut self, lane: LaneId, id: TokenId) -> Result<(), Failure> {
        let row = self.policy.tokens.find(&id).ok_or_else(|| unknown_token(&id))?;
        if row.is_bootstrap() {
            return Err(Failure::new(
                FailureClass::BadInput,
                format!("{id} is the bootstrap token, which is replaced and not revoked"),
                "ugent secret token rotate",
            ));
        }
        self.slow.send(Job::TokenRevoke { lane, id, now: wall() });
        Ok(())
    }

    pub(super) fn answer_token_rotate(
        &mut self,
        lane: LaneId,
        grace_ms: u64,
        passphrase: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        if !self.policy.tokens.rows().any(TokenRow::is_bootstrap) {
            return Err(no_bootstrap());
        }
        self.room_for_a_record()?;
        self.slow.send(Job::TokenRotate { lane, passphrase, grace_ms, now: wall() });
        Ok(())
    }

    pub(super) fn list_tokens(&self, after: Option<&TokenId>) -> CliAnswer {
        let shown = self.policy.tokens.shown();
        let mut rest = shown.into_iter().filter(|token| after.is_none_or(|after| token.id > *after));
        let tokens = rest.by_ref().take(TOKENS_PAGE).collect();
        CliAnswer::TokenListed { tokens, more: rest.next().is_some() }
    }

    pub(super) fn token_issued(&mut self, lane: LaneId, result: Result<(SecretBytes, TokenChange), Failure>) {
        let (token, change) = match result {
            Ok(done) => done,
            Err(failure) => return self.not_done(lane, failure),
        };
        self.policy.tokens.learn(change.tokens);
        let recorded = self.tell_token(lane, Event::TokenIssued, &change.row);
        match recorded {
            Ok(()) => self.after.push(After::Cli {
                lane,
                answer: CliAnswer::TokenIssued(change.row.meta(None)),
                value: Some(token),
                fds: Vec::new(),
                recorded: Recorded::Needed,
            }),
            Err(failure) => self.answer_result(lane, Err(failure)),
        }
    }

    pub(super) fn token_revoked(&mut self, lane: LaneId, result: Result<TokenChange, Failure>) {
        let change = match result {
            Ok(done) => done,
            Err(failure) => return self.answer_result(lane, Err(failure)),
        };
        self.policy.tokens.learn(change.tokens);
        let answer = self.tell_revoked(lane, &change.row);
        self.answer_result(lane, answer.map(|()| CliAnswer::TokenRevoked(change.row.meta(None))));
    }

    pub(super) fn token_rotated(&mut self, lane: LaneId, result: Result<TokenChange, Failure>) {
        let change = match result {
            Ok(done) => done,
            Err(failure) => return self.not_done(lane, failure),
        };
        let refused: Vec<TokenRow> = self
            .policy
            .tokens
            .rows()
            .filter(|row| row.used_as == TokenUse::Bootstrap)
            .filter(|row| !change.tokens.iter().any(|known| known.row.id == row.id))
            .cloned()
            .collect();
        self.policy.tokens.learn(change.tokens);
        let mut told = Ok(());
        for row in &refused {
            told = told.and(self.tell_revoked(lane, row));
        }
        told = told.and(self.tell_token(lane, Event::TokenIssued, &change.row));
        self.answer_result(lane, told.map(|()| CliAnswer::TokenRotated(change.row.meta(None))));
    }

    /// Takes out the tokens whose time is over. They are refused without this; it ends the leases
    /// that were had with them.
    pub(super) fn end_expired_tokens(&mut self) {
        for row in self.policy.tokens.take_ended(wall()) {
            self.end_leases(Reason::TokenExpired, |lease| lease.key.consumer == row.consumer);
        }
    }

    /// All leases of that consumer end: which of them were had with this token nobody knows, and an
    /// ask with another one is judged anew.
    fn tell_revoked(&mut self, lane: LaneId, row: &TokenRow) -> Result<(), Failure> {
        let told = self.tell_token(lane, Event::TokenRevoked, row);
        self.end_leases(Reason::TokenRevoked, |lease| lease.key.consumer == row.consumer);
        told
    }

    fn tell_token(&mut self, lane: LaneId, event: Event, row: &TokenRow) -> Result<(), Failure> {
        let mut record = self.by(lane, event);
        record.consumer = Some(row.consumer.clone());
        self.record(record, Urgency::Now).map(drop).map_err(|failure| done_unrecorded(&failure))
    }

    /// A wrong passphrase is recorded wherever it is tried.
    pub(super) fn not_done(&mut self, lane: LaneId, failure: Failure) {
        if failure.class == FailureClass::Refused {
            let mut record = self.by(lane, Event::VaultUnlockFailed);
            record.reason = Some(Reason::WrongPassphrase);
            self.note(record);
        }
        self.answer_result(lane, Err(failure));
    }
}
