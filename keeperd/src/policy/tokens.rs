//! Whose token it is. A presented token is hashed first; only digests are looked up, so how long
//! a look-up takes says nothing about a token's text.

use std::collections::{BTreeMap, HashMap};

use proto::control_lane::StartKeeper;
use proto::lease_lane::Caller;
use proto::meta::{Timestamp, TokenMeta};
use proto::name::{Consumer, TokenId};

use crate::catalog::{KnownToken, TokenRow};
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
pub(crate) struct Tokens {
    known: HashMap<TokenDigest, Entry>,
    /// Uses the catalog does not know of yet.
    unnoted: BTreeMap<TokenDigest, Timestamp>,
    next_end: Option<Timestamp>,
}

struct Entry {
    row: TokenRow,
    last_used: Option<Timestamp>,
}

impl Tokens {
    /// The rows of the catalog.
    pub(crate) fn new(known: impl IntoIterator<Item = KnownToken>) -> Self {
        let mut tokens = Self::default();
        tokens.learn(known);
        tokens
    }

    /// Takes over what the catalog holds now; uses it does not know of yet are kept.
    pub(crate) fn learn(&mut self, known: impl IntoIterator<Item = KnownToken>) {
        let mut before = std::mem::take(&mut self.known);
        for KnownToken { digest, row, last_used } in known {
            let entry = match before.remove(&digest) {
                Some(entry) => Entry { row, ..entry },
                None => Entry { row, last_used },
            };
            self.known.insert(digest, entry);
        }
        self.find_next_end();
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
                let row = &self.known.get(digest)?.row;
                (!row.has_ended(now)).then(|| row.consumer.clone())
            }
            (None, Caller::Unix { uid, .. }) => tokenless.consumer(uid),
            (None, Caller::Tcp) => None,
        }
    }

    /// Notes that a token was presented. One that is unknown or over was not used by that.
    pub(crate) fn note_use(&mut self, presented: &TokenDigest, now: Timestamp) {
        if let Some(entry) = self.known.get_mut(presented).filter(|entry| !entry.row.has_ended(now)) {
            entry.last_used = Some(now);
            self.unnoted.insert(*presented, now);
        }
    }

    /// Whether there are uses the catalog does not know of.
    pub(crate) fn has_unnoted(&self) -> bool {
        !self.unnoted.is_empty()
    }

    /// Takes the uses the catalog does not know of.
    pub(crate) fn take_unnoted(&mut self) -> Vec<(TokenDigest, Timestamp)> {
        std::mem::take(&mut self.unnoted).into_iter().collect()
    }

    /// Takes out the tokens whose time is over.
    pub(crate) fn take_ended(&mut self, now: Timestamp) -> Vec<TokenRow> {
        if self.next_end.is_none_or(|end| now < end) {
            return Vec::new();
        }
        let ended = self.known.extract_if(|_, entry| entry.row.has_ended(now));
        let ended = ended.map(|(_, entry)| entry.row).collect();
        self.find_next_end();
        ended
    }

    /// When the next token comes to its end, if one does.
    pub(crate) const fn next_end(&self) -> Option<Timestamp> {
        self.next_end
    }

    /// What may be shown, in order of ids.
    pub(crate) fn shown(&self) -> Vec<TokenMeta> {
        let mut shown: Vec<_> = self.known.values().map(|entry| entry.row.meta(entry.last_used)).collect();
        shown.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        shown
    }

    /// The row of that id.
    pub(crate) fn find(&self, id: &TokenId) -> Option<&TokenRow> {
        self.known.values().map(|entry| &entry.row).find(|row| row.id == *id)
    }

    /// All rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &TokenRow> {
        self.known.values().map(|entry| &entry.row)
    }

    fn find_next_end(&mut self) {
        self.next_end = self.known.values().filter_map(|entry| entry.row.expires).min();
    }
}

#[cfg(test)]
mod tests {
    use proto::meta::TokenUse;

    use super::*;

    const DIGEST: TokenDigest = TokenDigest([7; 32]);

    fn known(expires: Option<u64>) -> KnownToken {
        let row = TokenRow {
            id: TokenId::of(&DIGEST.0),
            consumer: Consumer::parse("context-engine").unwrap(),
            created: Timestamp(1),
            expires: expires.map(Timestamp),
            used_as: TokenUse::Issued,
        };
        KnownToken { digest: DIGEST, row, last_used: None }
    }

    fn consumer(tokens: &Tokens, now: u64) -> Option<Consumer> {
        tokens.consumer(Some(&DIGEST), Caller::Tcp, &Tokenless::OneUser, Timestamp(now))
    }

    #[test]
    fn a_token_is_refused_from_its_end_on_and_then_taken_out() {
        let mut tokens = Tokens::new([known(Some(10))]);
        assert_eq!(consumer(&tokens, 9).unwrap().as_str(), "context-engine");
        assert_eq!(consumer(&tokens, 10), None);
        assert_eq!(tokens.next_end(), Some(Timestamp(10)));
        assert!(tokens.take_ended(Timestamp(9)).is_empty());
        assert_eq!(tokens.take_ended(Timestamp(10)).len(), 1);
        assert_eq!((tokens.next_end(), tokens.shown()), (None, Vec::new()));
    }

    #[test]
    fn a_use_is_handed_to_the_catalog_once_and_kept_when_rows_change() {
        let mut tokens = Tokens::new([known(Some(10))]);
        tokens.note_use(&TokenDigest([8; 32]), Timestamp(5));
        tokens.note_use(&DIGEST, Timestamp(10));
        assert!(!tokens.has_unnoted(), "neither an unknown token nor one that is over was used");
        tokens.note_use(&DIGEST, Timestamp(5));
        tokens.learn([known(Some(8))]);
        assert_eq!(tokens.shown()[0].last_used, Some(Timestamp(5)));
        assert_eq!(tokens.next_end(), Some(Timestamp(8)));
        assert_eq!(tokens.take_unnoted(), [(DIGEST, Timestamp(5))]);
        assert!(!tokens.has_unnoted());
        tokens.learn([]);
        assert_eq!(consumer(&tokens, 6), None, "what is revoked is unknown");
    }
}
