//! The cli lane: the CLI asks, keeperd answers, one request after the other.
//!
//! Long answers are paged: the CLI asks again with the last name or number it has seen.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::frame::{Message, ValueRule};
use crate::loan::{Borrow, NotLent};
use crate::meta::{ApprovalMeta, LeaseId, LeaseMeta, SecretMeta, Timestamp, TokenMeta};
use crate::name::{Backend, Consumer, Handle, Kind, ProviderId, TokenId};
use crate::policy::{Explanation, FileVerdict, GrantView, PolicyFile, Question, RouteView};
use crate::standing::{KeeperStanding, LauncherStanding};

/// Most secrets in one page of `List`.
pub const LIST_PAGE: usize = 128;
/// Most tokens in one page of `TokenList`.
pub const TOKENS_PAGE: usize = 128;
/// Most uses in one page of `ApprovalList`.
pub const APPROVALS_PAGE: usize = 32;
/// Most leases in one page of `LeaseList`.
pub const LEASES_PAGE: usize = 64;
/// Most grants in one page of `GrantList`.
pub const GRANTS_PAGE: usize = 64;
/// Most routes in one page of `ProviderList`.
pub const ROUTES_PAGE: usize = 64;
/// Longest part of a text in `CheckText`, in bytes.
pub const PART_MAX: usize = 32 * 1024;
/// Most secrets that one lane may import at once.
pub const IMPORT_MAX: usize = 256;
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
    /// With the passphrase, if there is one.
    Unlock,
    /// Wipes the keys and ends all leases.
    Lock,
    /// Says whether the passphrase opens the vault, and opens nothing. With the passphrase.
    CheckPassphrase,
    /// Wraps the vault's keys under another passphrase. With both, as [`crate::hazmat::pair`] joins them.
    Rekey,
    /// Moves all values to another backend. With the passphrase of the file vault: the one it has, or the
    /// one it gets; without, where values are there already, and what is left over elsewhere goes.
    Migrate {
        /// To which.
        to: Backend,
    },
    /// A new secret, with its value.
    Add {
        /// Its name.
        handle: Handle,
        /// Its provider.
        provider: ProviderId,
        /// Its kind.
        kind: Kind,
        /// When its value expires; none if it has no end.
        expires: Option<Timestamp>,
    },
    /// A new version, with its value.
    Rotate {
        /// Of which secret.
        handle: Handle,
        /// When the new value expires; none if it has no end.
        expires: Option<Timestamp>,
        /// How long the version before stays, to go back to; 0: not at all.
        keep_ms: u64,
    },
    /// Puts the earlier version that was kept in the place of the current one, which goes.
    Rollback {
        /// Of which secret.
        handle: Handle,
    },
    /// Removes a secret and all its versions.
    Remove {
        /// Which.
        handle: Handle,
    },
    /// A new secret among several that come together, with its value. Nothing is stored yet.
    ImportAdd {
        /// Its name.
        handle: Handle,
        /// Its provider.
        provider: ProviderId,
        /// Its kind.
        kind: Kind,
    },
    /// Stores all that came with `ImportAdd` on this lane, or none.
    ImportDone,
    /// Whether that value is the secret's current one, as the vault's file has it. Recorded before it is
    /// answered: who guesses leaves a trace.
    Compare {
        /// Which secret.
        handle: Handle,
    },
    /// Every value, sealed under another passphrase, into an empty file whose fd comes along. With the
    /// vault's passphrase and the backup's, as [`crate::hazmat::pair`] joins them.
    Backup,
    /// A vault of what is in a backup, whose fd comes along, where there is none. With the backup's
    /// passphrase and the new vault's, joined in the same way.
    Restore,
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
    /// The sealed head and the vault's header, as read-only fds, for a verifying keeper. With the
    /// passphrase: the tries of one that verifies are counted here.
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
    /// A page of the leases in force, by id.
    LeaseList {
        /// The last one already seen.
        after: Option<LeaseId>,
    },
    /// Ends leases. With the passphrase, where one of them is another consumer's than `cli`.
    LeaseRevoke {
        /// Which.
        which: Leases,
        /// What becomes of the requests that run under them.
        in_flight: InFlight,
    },
    /// A page of the uses that wait for a person, by id.
    ApprovalList {
        /// The last one already seen.
        after: Option<LeaseId>,
    },
    /// Lets a use that waits have its lease, with the passphrase.
    Approve {
        /// Which.
        id: LeaseId,
    },
    /// Refuses it.
    Deny {
        /// Which.
        id: LeaseId,
    },
    /// A page of the grants in force, in file order.
    GrantList {
        /// How many of them were seen already.
        seen: u32,
    },
    /// A page of the routes of all providers, in the order of the table.
    ProviderList {
        /// How many of them were seen already.
        seen: u32,
    },
    /// Whether something would be allowed, and by which grant.
    Explain(Question),
    /// Reads both policy files anew and judges them.
    CheckPolicy,
    /// Judges a text as if it were a policy file, part by part.
    CheckText {
        /// As which file.
        file: PolicyFile,
        /// The next part, at most [`PART_MAX`] bytes.
        part: String,
        /// Whether another part follows.
        more: bool,
    },
    /// Asks for values, all or none. With the token of the consumer, where it takes one. What this
    /// lane was lent before is given back by it.
    Borrow(Borrow),
    /// One of the values that are lent to this lane, once.
    Take {
        /// Of which secret.
        secret: Handle,
    },
    /// Ends what is lent to this lane, as its end does.
    GiveBack,
    /// What there is to say of the broker and its vault.
    Status,
    /// Ends the broker.
    BrokerStop,
    /// Items in the keychain that no secret needs.
    Orphans {
        /// What to do about them.
        fix: OrphanFix,
    },
}

/// What to do about items in the keychain that no secret needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrphanFix {
    /// Count them.
    Look,
    /// Remove them.
    Remove,
}

/// Leases, as they are spoken of together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leases {
    /// One.
    Id(LeaseId),
    /// All of a secret.
    Secret(Handle),
    /// All of a consumer.
    Consumer(Consumer),
}

/// What becomes of the requests that run under a lease that is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InFlight {
    /// They are finished.
    GoesOn,
    /// They end now.
    Cut,
}

/// What came of comparing two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Likeness {
    /// They are the same, byte for byte.
    Same,
    /// They are not.
    Different,
}

impl Message for CliRequest {
    fn value_rule(&self) -> ValueRule {
        match self {
            // Without a passphrase where the vault is in a keychain.
            Self::Init { .. }
            | Self::LeaseRevoke { .. }
            | Self::Borrow(_)
            | Self::Unlock
            | Self::TokenIssue { .. }
            | Self::TokenRotate { .. }
            | Self::Approve { .. }
            | Self::Migrate { .. }
            | Self::VerifyFiles => ValueRule::Optional,
            Self::CheckPassphrase
            | Self::Rekey
            | Self::Add { .. }
            | Self::Rotate { .. }
            | Self::ImportAdd { .. }
            | Self::Compare { .. }
            | Self::Backup
            | Self::Restore => ValueRule::Required,
            Self::Lock
            | Self::Rollback { .. }
            | Self::Remove { .. }
            | Self::ImportDone
            | Self::List { .. }
            | Self::Inspect { .. }
            | Self::Journal { .. }
            | Self::TokenList { .. }
            | Self::TokenRevoke { .. }
            | Self::LeaseList { .. }
            | Self::ApprovalList { .. }
            | Self::Deny { .. }
            | Self::GrantList { .. }
            | Self::ProviderList { .. }
            | Self::Explain(_)
            | Self::CheckPolicy
            | Self::CheckText { .. }
            | Self::Take { .. }
            | Self::GiveBack
            | Self::Status
            | Self::BrokerStop
            | Self::Orphans { .. } => ValueRule::Never,
        }
    }

    fn fds(&self) -> usize {
        match self {
            Self::Backup | Self::Restore => 1,
            Self::Init { .. }
            | Self::Unlock
            | Self::Lock
            | Self::CheckPassphrase
            | Self::Rekey
            | Self::Migrate { .. }
            | Self::Add { .. }
            | Self::Rotate { .. }
            | Self::Rollback { .. }
            | Self::Remove { .. }
            | Self::ImportAdd { .. }
            | Self::ImportDone
            | Self::Compare { .. }
            | Self::List { .. }
            | Self::Inspect { .. }
            | Self::Journal { .. }
            | Self::VerifyFiles
            | Self::TokenIssue { .. }
            | Self::TokenList { .. }
            | Self::TokenRevoke { .. }
            | Self::TokenRotate { .. }
            | Self::LeaseList { .. }
            | Self::LeaseRevoke { .. }
            | Self::ApprovalList { .. }
            | Self::Approve { .. }
            | Self::Deny { .. }
            | Self::GrantList { .. }
            | Self::ProviderList { .. }
            | Self::Explain(_)
            | Self::CheckPolicy
            | Self::CheckText { .. }
            | Self::Borrow(_)
            | Self::Take { .. }
            | Self::GiveBack
            | Self::Status
            | Self::Orphans { .. }
            | Self::BrokerStop => 0,
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
    /// To `CheckPassphrase`.
    PassphraseFits,
    /// To `Rekey`: from now on only the new one opens the vault.
    Rekeyed,
    /// To `Migrate`: from now on values are there.
    Migrated {
        /// How many secrets there are.
        secrets: u32,
        /// How many values they have together.
        versions: u32,
    },
    /// To `Add` and `Rotate`.
    Deposited(SecretMeta),
    /// To `Rollback`.
    RolledBack(SecretMeta),
    /// To `Remove`.
    Removed,
    /// To `ImportAdd`.
    ImportNoted,
    /// To `ImportDone`.
    Imported {
        /// How many there are now that were not before.
        secrets: u32,
    },
    /// To `Compare`.
    Compared(Likeness),
    /// To `Backup`: the file is whole, synced, and was read back.
    BackedUp {
        /// How many secrets are in it.
        secrets: u32,
        /// How many versions of them, each with its value.
        versions: u32,
    },
    /// To `Restore`: the vault is whole, synced, and was read back.
    Restored {
        /// When the backup was made.
        made: Timestamp,
        /// How many secrets were in it.
        secrets: u32,
        /// How many versions of them, each with its value.
        versions: u32,
    },
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
    /// To `LeaseList`.
    LeaseListed {
        /// In order of their ids.
        leases: Vec<LeaseMeta>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `LeaseRevoke`.
    LeaseRevoked {
        /// How many leases ended.
        leases: u32,
        /// How many requests ran under such leases, those that had ended before included.
        in_flight: u32,
    },
    /// To `LeaseRevoke` without the passphrase, where it takes one; nothing was changed.
    PassphraseNeeded,
    /// To `ApprovalList`.
    ApprovalListed {
        /// In order of their ids.
        approvals: Vec<ApprovalMeta>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `Approve`: its lease is issued.
    Approved(ApprovalMeta),
    /// To `Deny`.
    Denied(ApprovalMeta),
    /// To `GrantList`.
    GrantListed {
        /// In file order.
        grants: Vec<GrantView>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `ProviderList`.
    ProviderListed {
        /// In the order of the table; a provider that is not in use yet stands there without a route.
        routes: Vec<RouteView>,
        /// Whether there are more behind the last.
        more: bool,
    },
    /// To `Explain`.
    Explained(Explanation),
    /// To `CheckPolicy`.
    PolicyChecked {
        /// Of `secrets.grants.toml`.
        grants: FileVerdict,
        /// Of `secrets.providers.toml`.
        providers: FileVerdict,
    },
    /// To a `CheckText` with more to come.
    TextNoted,
    /// To the last `CheckText`.
    TextChecked(FileVerdict),
    /// To `Borrow`: each may be taken now. The records of their leases are on disk.
    Lent {
        /// In the order they were asked for.
        leases: Vec<LeaseId>,
    },
    /// To `Borrow` and `Take`: nothing is lent, or not that one any more.
    NotLent {
        /// Who asked, if that is anybody.
        consumer: Option<Consumer>,
        /// What stands in the way; at least one.
        refused: Vec<NotLent>,
    },
    /// To `Take`, with the value.
    Taken {
        /// Whose value it is.
        secret: Handle,
        /// Which version of it.
        version: u32,
    },
    /// To `GiveBack`.
    GivenBack,
    /// To `Status`.
    Status {
        /// None in a private keeper.
        launcher: Option<LauncherStanding>,
        /// Always there.
        keeper: KeeperStanding,
    },
    /// To `BrokerStop`: the launcher was told.
    Stopping,
    /// To `VerifyFiles`, of a vault in a keychain, with two fds: head, checkpoint.
    VerifyHead {
        /// Whose root the journal begins with.
        vault: [u8; 16],
    },
    /// To `Orphans`.
    Orphans {
        /// How many there are, or were.
        count: u32,
        /// The secrets some of them were made for.
        first: Vec<Handle>,
    },
}

impl Message for CliAnswer {
    fn value_rule(&self) -> ValueRule {
        match self {
            Self::TokenIssued(_) | Self::Taken { .. } => ValueRule::Required,
            Self::Failed(_)
            | Self::Initialized { .. }
            | Self::Unlocked
            | Self::Locked
            | Self::PassphraseFits
            | Self::Rekeyed
            | Self::Migrated { .. }
            | Self::Deposited(_)
            | Self::RolledBack(_)
            | Self::Removed
            | Self::ImportNoted
            | Self::Imported { .. }
            | Self::Compared(_)
            | Self::BackedUp { .. }
            | Self::Restored { .. }
            | Self::Listed { .. }
            | Self::Inspected(_)
            | Self::Journal { .. }
            | Self::VerifyFiles
            | Self::TokenListed { .. }
            | Self::TokenRevoked(_)
            | Self::TokenRotated(_)
            | Self::LeaseListed { .. }
            | Self::LeaseRevoked { .. }
            | Self::PassphraseNeeded
            | Self::ApprovalListed { .. }
            | Self::Approved(_)
            | Self::Denied(_)
            | Self::GrantListed { .. }
            | Self::ProviderListed { .. }
            | Self::Explained(_)
            | Self::PolicyChecked { .. }
            | Self::TextNoted
            | Self::TextChecked(_)
            | Self::Lent { .. }
            | Self::NotLent { .. }
            | Self::GivenBack
            | Self::Status { .. }
            | Self::Stopping
            | Self::VerifyHead { .. }
            | Self::Orphans { .. } => ValueRule::Never,
        }
    }

    fn fds(&self) -> usize {
        match self {
            Self::Journal { segments, .. } => segments.len(),
            Self::VerifyFiles => 3,
            Self::VerifyHead { .. } => 2,
            Self::Failed(_)
            | Self::Initialized { .. }
            | Self::Unlocked
            | Self::Locked
            | Self::PassphraseFits
            | Self::Rekeyed
            | Self::Migrated { .. }
            | Self::Deposited(_)
            | Self::RolledBack(_)
            | Self::Removed
            | Self::ImportNoted
            | Self::Imported { .. }
            | Self::Compared(_)
            | Self::BackedUp { .. }
            | Self::Restored { .. }
            | Self::Listed { .. }
            | Self::Inspected(_)
            | Self::TokenIssued(_)
            | Self::TokenListed { .. }
            | Self::TokenRevoked(_)
            | Self::TokenRotated(_)
            | Self::LeaseListed { .. }
            | Self::LeaseRevoked { .. }
            | Self::PassphraseNeeded
            | Self::ApprovalListed { .. }
            | Self::Approved(_)
            | Self::Denied(_)
            | Self::GrantListed { .. }
            | Self::ProviderListed { .. }
            | Self::Explained(_)
            | Self::PolicyChecked { .. }
            | Self::TextNoted
            | Self::TextChecked(_)
            | Self::Lent { .. }
            | Self::NotLent { .. }
            | Self::Taken { .. }
            | Self::GivenBack
            | Self::Status { .. }
            | Self::Stopping
            | Self::Orphans { .. } => 0,
        }
    }
}
