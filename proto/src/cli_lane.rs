//! The cli lane: the CLI asks, keeperd answers, one request after the other.
//!
//! Long answers are paged: the CLI asks again with the last name or number it has seen.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::frame::{Message, ValueRule};
use crate::meta::{SecretMeta, TokenMeta};
use crate::name::{Backend, Consumer, Handle, Kind, ProviderId, TokenId};
use crate::standing::{KeeperStanding, LauncherStanding};

/// Most secrets in one page of `List`.
pub const LIST_PAGE: usize = 128;
/// Most tokens in one page of `TokenList`.
pub const TOKENS_PAGE: usize = 128;
/// Most segments in one page of `Journal`.
pub const SEGMENTS_PAGE: usize = 64;

/// CLI to keeperd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CliRequest {
    /// Makes what is missing below `secrets/`. With the passphrase where a file vault is made.
    Init {
        /// What the user asks for, if they do.
        backend: Option<Backend>,
    },
    /// With the passphrase.
    Unlock,
    /// Wipes the keys and ends all leases.
    Lock,
    /// A new secret, with its value.
    Add {
        /// Its name.
        handle: Handle,
        /// Its provider.
        provider: ProviderId,
        /// Its kind.
        kind: Kind,
    },
    /// A new version, with its value.
    Rotate {
        /// Of which secret.
        handle: Handle,
    },
    /// Removes a secret and all its versions.
    Remove {
        /// Which.
        handle: Handle,
    },
    /// A page of secrets, by name.
    List {
        /// The last one already seen.
        after: Option<Handle>,
    },
    /// One secret.
    Inspect {
        /// Which.
        handle: Handle,
    },
    /// A page of the journal's segments, as read-only fds, oldest first.
    Journal {
        /// Number of the last segment already seen.
        after: u32,
    },
    /// The sealed head and the vault's header, as read-only fds, for a verifying keeper.
    VerifyFiles,
    /// A new token, with the passphrase.
    TokenIssue {
        /// Whom it will speak for.
        consumer: Consumer,
        /// How long it is good for; none if it has no end.
        ttl_ms: Option<u64>,
    },
    /// A page of tokens, by id.
    TokenList {
        /// The last one already seen.
        after: Option<TokenId>,
    },
    /// Refuses a token from now on.
    TokenRevoke {
        /// Which.
        id: TokenId,
    },
    /// Another bootstrap token in the place of the one there is, with the passphrase.
    TokenRotate {
        /// How long the old one is still let in.
        grace_ms: u64,
    },
    /// What there is to say of the broker and its vault.
    Status,
    /// Ends the broker.
    BrokerStop,
}

impl Message for CliRequest {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::Init { .. } => ValueRule::Optional,
            Self::Unlock
            | Self::Add { .. }
            | Self::Rotate { .. }
            | Self::TokenIssue { .. }
            | Self::TokenRotate { .. } => ValueRule::Required,
            Self::Lock
            | Self::Remove { .. }
            | Self::List { .. }
            | Self::Inspect { .. }
            | Self::Journal { .. }
            | Self::VerifyFiles
            | Self::TokenList { .. }
            | Self::TokenRevoke { .. }
            | Self::Status
            | Self::BrokerStop => ValueRule::Never,
        }
    }
}

/// One thing `init` made or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitItem {
    /// Its path.
    pub path: String,
    /// Whether it was there before.
    pub existed: bool,
}

/// keeperd to CLI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CliAnswer {
    /// Not done; nothing was changed.
    Failed(Failure),
    /// To `Init`.
    Initialized {
        /// In use from now on.
        backend: Backend,
        /// What was made and what was there.
        items: Vec<InitItem>,
    },
    /// To `Unlock`.
    Unlocked,
    /// To `Lock`.
    Locked,
    /// To `Add` and `Rotate`.
    Deposited(SecretMeta),
    /// To `Remove`.
    Removed,
    /// To `List`.
    Listed {
        /// In order of their names.
        secrets: Vec<SecretMeta>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `Inspect`.
    Inspected(SecretMeta),
    /// To `Journal`, with one fd a segment.
    Journal {
        /// Their numbers, rising.
        segments: Vec<u32>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `VerifyFiles`, with three fds: head, checkpoint, vault header.
    VerifyFiles,
    /// To `TokenIssue`, with the token.
    TokenIssued(TokenMeta),
    /// To `TokenList`.
    TokenListed {
        /// In order of their ids.
        tokens: Vec<TokenMeta>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `TokenRevoke`.
    TokenRevoked(TokenMeta),
    /// To `TokenRotate`: what is in `broker.token` now.
    TokenRotated(TokenMeta),
    /// To `Status`.
    Status {
        /// None in a private keeper.
        launcher: Option<LauncherStanding>,
        /// Always there.
        keeper: KeeperStanding,
    },
    /// To `BrokerStop`: the launcher was told.
    Stopping,
}

impl Message for CliAnswer {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::TokenIssued(_) => ValueRule::Required,
            Self::Failed(_)
            | Self::Initialized { .. }
            | Self::Unlocked
            | Self::Locked
            | Self::Deposited(_)
            | Self::Removed
            | Self::Listed { .. }
            | Self::Inspected(_)
            | Self::Journal { .. }
            | Self::VerifyFiles
            | Self::TokenListed { .. }
            | Self::TokenRevoked(_)
            | Self::TokenRotated(_)
            | Self::Status { .. }
            | Self::Stopping => ValueRule::Never,
        }
    }

    fn fds(&self) -> usize {
        match self {
            Self::Journal { segments, .. } => segments.len(),
            Self::VerifyFiles => 3,
            Self::Failed(_)
            | Self::Initialized { .. }
            | Self::Unlocked
            | Self::Locked
            | Self::Deposited(_)
            | Self::Removed
            | Self::Listed { .. }
            | Self::Inspected(_)
            | Self::TokenIssued(_)
            | Self::TokenListed { .. }
            | Self::TokenRevoked(_)
            | Self::TokenRotated(_)
            | Self::Status { .. }
            | Self::Stopping => 0,
        }
    }
}
