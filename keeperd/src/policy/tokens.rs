//! Whose token it is. A presented token is hashed first; only digests are looked up, so how long
//! a look-up takes says nothing about a token's text.

use std::collections::HashMap;

use proto::lease_lane::Caller;
use proto::meta::Timestamp;
use proto::name::Consumer;

use crate::catalog::TokenRow;
use crate::hazmat::token::TokenDigest;

/// Whether the gateway's Unix socket asks for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokenless {
    /// A peer without a token is `ugent-core`.
    Allowed,
    /// A peer without a token is refused.
    Refused,
}

/// The token table.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<TokenDigest, TokenRow>);

impl Tokens {
    /// The rows of the catalog.
    pub(crate) fn new(rows: impl IntoIterator<Item = (TokenDigest, TokenRow)>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// Who asks: the consumer of the presented token, or `ugent-core` on a Unix socket without
    /// one. `None` refuses; there is one answer for an unknown, an expired and a missing token.
    pub(crate) fn consumer(
        &self,
        presented: Option<&TokenDigest>,
        caller: Caller,
        tokenless: Tokenless,
        now: Timestamp,
    ) -> Option<Consumer> {
        match (presented, caller, tokenless) {
            (Some(digest), Caller::Tcp | Caller::Unix { .. }, _) => {
                let row = self.0.get(digest)?;
                row.expires.is_none_or(|end| now < end).then(|| row.consumer.clone())
            }
            (None, Caller::Unix { .. }, Tokenless::Allowed) => Some(Consumer::ugent_core()),
            (None, Caller::Unix { .. }, Tokenless::Refused) | (None, Caller::Tcp, _) => None,
        }
    }
}
