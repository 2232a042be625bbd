//! Whose token it is. A presented token is hashed first; only digests are looked up, so how long
//! a look-up takes says nothing about a token's text.

use std::collections::{BTreeMap, HashMap};

use proto::control_lane::StartKeeper;
use proto::lease_lane::Caller;
use proto::meta::Timestamp;
use proto::name::Consumer;

use crate::catalog::TokenRow;
use crate::hazmat::token::TokenDigest;

/// Who needs no token on the gateway's Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tokenless {
    /// Everybody, as `ugent-core`: only the user whose broker this is gets that far.
    OneUser,
    /// These users, each as a consumer of its own.
    Known(BTreeMap<u32, Consumer>),
    /// Nobody.
    Refused,
}

impl Tokenless {
    /// As `secrets.toml` and `--system` have it.
    pub(crate) fn of(start: &StartKeeper) -> Self {
        match (&start.system, start.tokenless) {
            (_, false) => Self::Refused,
            (None, true) => Self::OneUser,
            (Some(system), true) => {
                Self::Known(system.peers.iter().map(|peer| (peer.uid, peer.consumer.clone())).collect())
            }
        }
    }

    fn consumer(&self, uid: u32) -> Option<Consumer> {
        match self {
            Self::OneUser => Some(Consumer::ugent_core()),
            Self::Known(peers) => peers.get(&uid).cloned(),
            Self::Refused => None,
        }
    }
}

/// The token table.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<TokenDigest, TokenRow>);

impl Tokens {
    /// The rows of the catalog.
    pub(crate) fn new(rows: impl IntoIterator<Item = (TokenDigest, TokenRow)>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// Who asks: the consumer of the presented token, or on a Unix socket without one whom the
    /// peer's uid stands for. `None` refuses; there is one answer for an unknown, an expired and a
    /// missing token.
    pub(crate) fn consumer(
        &self,
        presented: Option<&TokenDigest>,
        caller: Caller,
        tokenless: &Tokenless,
        now: Timestamp,
    ) -> Option<Consumer> {
        match (presented, caller) {
            (Some(digest), Caller::Tcp | Caller::Unix { .. }) => {
                let row = self.0.get(digest)?;
                row.expires.is_none_or(|end| now < end).then(|| row.consumer.clone())
            }
            (None, Caller::Unix { uid, .. }) => tokenless.consumer(uid),
            (None, Caller::Tcp) => None,
        }
    }
}
