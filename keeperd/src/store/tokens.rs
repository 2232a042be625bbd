//! Issuing, revoking and rotating broker tokens. A token is made in a slot, leaves in it, and only
//! its digest stays here. Issuing and rotating ask for the passphrase anew, whether or not the vault
//! is open: who finds a terminal alone must not be able to let others in.

use proto::failure::{Failure, FailureClass};
use proto::hazmat::SecretBytes;
use proto::meta::Timestamp;
use proto::name::{Consumer, TokenId};

use super::{Store, files};
use crate::catalog::token_table::{self, Earlier};
use crate::catalog::{KnownToken, TokenRow, TokenUse};
use crate::hazmat::token::{self, TokenDigest};

/// How often a token is made anew because its id is taken: twice in a row happens to nobody.
const TRIES: u32 = 8;

/// A token that is to be.
pub(crate) struct NewToken {
    pub(crate) consumer: Consumer,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) now: Timestamp,
}

/// A change of tokens that was made.
pub(crate) struct TokenChange {
    /// The token it was made to.
    pub(crate) row: TokenRow,
    /// All that are left.
    pub(crate) tokens: Vec<KnownToken>,
}

impl Store {
    /// Makes a token for a consumer. When this returns, its digest is durable.
    pub(crate) fn issue_token(
        &mut self,
        passphrase: Option<SecretBytes>,
        what: NewToken,
    ) -> Result<(SecretBytes, TokenChange), Failure> {
        self.ask_anew(passphrase)?;
        let (token, digest, id) = self.fresh()?;
        let row = TokenRow {
            id,
            consumer: what.consumer,
            created: what.now,
            expires: what.ttl_ms.map(|ttl| Timestamp(what.now.0.saturating_add(ttl))),
            used_as: TokenUse::Issued,
        };
        self.catalog.change(|write| {
            token_table::remove_ended(write, what.now)?;
            token_table::put(write, &digest, &row)
        })?;
        Ok((token, TokenChange { row, tokens: self.contents()?.tokens }))
    }

    /// Removes a token.
    pub(crate) fn revoke_token(&mut self, id: &TokenId, now: Timestamp) -> Result<TokenChange, Failure> {
        let found = self.contents()?.tokens.into_iter().find(|known| known.row.id == *id);
        let KnownToken { digest, row, last_used: _ } = found.ok_or_else(|| unknown_token(id))?;
        self.catalog.change(|write| {
            token_table::remove_ended(write, now)?;
            token_table::remove(write, &digest)
        })?;
        Ok(TokenChange { row, tokens: self.contents()?.tokens })
    }

    /// Puts another bootstrap token in the place of the one there is, which is let in for that long
    /// after.
    pub(crate) fn rotate_token(
        &mut self,
        passphrase: Option<SecretBytes>,
        grace_ms: u64,
        now: Timestamp,
    ) -> Result<TokenChange, Failure> {
        self.ask_anew(passphrase)?;
        if !self.contents()?.tokens.iter().any(|known| known.row.is_bootstrap()) {
            return Err(no_bootstrap());
        }
        let earlier = match grace_ms {
            0 => Earlier::Refused,
            grace => Earlier::Until(Timestamp(now.0.saturating_add(grace))),
        };
        let (_, row) = self.put_bootstrap_token(now, earlier)?;
        Ok(TokenChange { row, tokens: self.contents()?.tokens })
    }

    /// Drops the rows of tokens that have come to their end, if there are any.
    pub(crate) fn drop_ended_tokens(&mut self, now: Timestamp) -> Result<(), Failure> {
        if self.contents()?.tokens.iter().any(|known| known.row.has_ended(now)) {
            self.catalog.change(|write| token_table::remove_ended(write, now))?;
        }
        Ok(())
    }

    fn fresh(&mut self) -> Result<(SecretBytes, TokenDigest, TokenId), Failure> {
        let known = self.contents()?.tokens;
        for _ in 0..TRIES {
            let token = token::make()
                .map_err(|error| files::io_failure("cannot make a token for", &self.secrets, &error))?;
            let digest = TokenDigest::of(&token);
            let id = TokenId::of(&digest.0);
            if !known.iter().any(|known| known.row.id == id) {
                return Ok((token, digest, id));
            }
        }
        Err(Failure::new(FailureClass::Bug, "every token that is made has an id that is taken", ""))
    }
}

/// There is no bootstrap token to rotate.
pub(crate) fn no_bootstrap() -> Failure {
    Failure::new(
        FailureClass::Config,
        "there is no bootstrap token here to rotate",
        "give each program a token of its own: ugent secret token issue --consumer NAME",
    )
}

/// There is no token of that id.
pub(crate) fn unknown_token(id: &TokenId) -> Failure {
    Failure::new(FailureClass::BadInput, format!("there is no token {id}"), "ugent secret token list")
}
