//! What a program of the user asks for itself: to be lent values, to take one, to give all back.
//! Who asks for more than there may be is told so; nothing is judged here.

use std::collections::BTreeSet;

use proto::cli_lane::CliAnswer;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::journal::Reason;
use proto::lease_lane::TOKEN_MAX;
use proto::loan::{Borrow, LOAN_MAX};
use proto::name::{Delivery, Handle};

use super::asks::Presented;
use super::keeper::{Keeper, Recorded};
use super::lanes::LaneId;
use super::loans::{PendingLoan, Wanted, all};
use crate::clock::wall;
use crate::hazmat::token::TokenDigest;

impl Keeper {
    pub(super) fn answer_borrow(
        &mut self,
        lane: LaneId,
        borrow: Borrow,
        token: Option<SecretBytes>,
    ) -> Result<(), Failure> {
        check(&borrow)?;
        self.end_loan(lane);
        let token = match token {
            None => Presented::Nothing,
            Some(token) if token.len() > TOKEN_MAX => Presented::Nonsense,
            Some(token) => Presented::Token(TokenDigest::of(&token)),
        };
        if let Presented::Token(digest) = &token {
            self.policy.tokens.note_use(digest, wall());
        }
        self.advance_loan(PendingLoan { lane, wanted: Wanted::Loan(borrow, token) });
        Ok(())
    }

    pub(super) fn answer_take(&mut self, lane: LaneId, secret: Handle) -> Result<(), Failure> {
        if !self.is_lent(lane, &secret) {
            let what = format!("{secret} is not lent to whoever asks for its value, or was taken already");
            return Err(Failure::new(FailureClass::BadInput, what, "ask for a loan of it first"));
        }
        self.advance_loan(PendingLoan { lane, wanted: Wanted::Value(secret) });
        Ok(())
    }

    pub(super) fn answer_give_back(&mut self, lane: LaneId) {
        self.end_loan(lane);
        self.answer_cli(lane, CliAnswer::GivenBack, Recorded::NotNeeded);
    }

    /// The journal is of no use: whoever waits for a record of a loan waits in vain.
    pub(super) fn loans_unrecorded(&mut self) {
        for PendingLoan { lane, wanted } in std::mem::take(&mut self.loans_waiting) {
            let secrets = match wanted {
                Wanted::Loan(borrow, _) => borrow.secrets,
                Wanted::Value(secret) => vec![secret],
            };
            self.end_loan(lane);
            self.answer_not_lent(lane, None, all(secrets, Reason::JournalUnavailable));
        }
    }
}

fn check(borrow: &Borrow) -> Result<(), Failure> {
    let refused = |what: &str, hint: &str| Err(Failure::new(FailureClass::BadInput, what, hint));
    match borrow.delivery {
        Delivery::Native | Delivery::EnvInject => {}
        Delivery::HttpHeaderInject => {
            return refused("http_header_inject is the gateway's", "borrow by native or env_inject");
        }
    }
    let distinct: BTreeSet<_> = borrow.secrets.iter().collect();
    if distinct.len() != borrow.secrets.len() {
        return refused("a secret is asked for twice in one loan", "ask for each once");
    }
    if !(1..=LOAN_MAX).contains(&distinct.len()) {
        return refused("a loan is of 1 to 256 secrets", "ask for fewer at once");
    }
    Ok(())
}
