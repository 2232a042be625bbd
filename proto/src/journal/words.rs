//! The closed sets a record is written in: event, reason, outcome.

use crate::name::words;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A vault was created.
    VaultInitialized,
    /// The data key was opened.
    VaultUnlocked,
    /// A passphrase did not fit.
    VaultUnlockFailed,
    /// Keys were wiped.
    VaultLocked,
    /// The keys were wrapped under another passphrase.
    VaultRekeyed,
    /// All values were moved into a keychain, or out of it.
    VaultMigrated,
    /// Whoever gave the passphrase gets a backup of all values; before its first byte is written.
    VaultBackupBegun,
    /// That backup is whole, and was read back.
    VaultBackedUp,
    /// A vault was made of a backup.
    VaultRestored,
    /// A secret was deposited under a new name.
    SecretAdded,
    /// A new version took the place of another.
    SecretRotated,
    /// A secret was removed.
    SecretRemoved,
    /// The version before took its place again.
    SecretRolledBack,
    /// Somebody has shown a value and asked whether it is this secret's.
    SecretCompared,
    /// Its value expires within two weeks; `ms` is what is left.
    SecretExpiring,
    /// A lease began; synced before its first release.
    LeaseIssued,
    /// A value was released under a lease; appended before it leaves.
    LeaseUsed,
    /// The provider sent a released value back, and stars went on in its place.
    ReleaseEchoed,
    /// The request a value was released for is over: outcome, status, bytes, time.
    ReleaseClosed,
    /// A person is asked to approve a use; `lease` is what it will be called.
    ApprovalAsked,
    /// Somebody approved it: the lease is issued.
    ApprovalGiven,
    /// Somebody denied it.
    ApprovalDenied,
    /// Nobody answered, with the reason why it waits no longer.
    ApprovalEnded,
    /// A lease ended, with its reason.
    LeaseEnded,
    /// An ask was refused, with its reason.
    LeaseDenied,
    /// A token was made.
    TokenIssued,
    /// A token is refused from now on.
    TokenRevoked,
    /// The grants file was read and is in force.
    GrantsLoaded,
    /// The grants file is missing or refused: everything is denied.
    GrantsRefused,
    /// The broker began to serve.
    BrokerStarted,
    /// The broker ended in order.
    BrokerStopped,
    /// egressd died and a new one took its place.
    EgressRestarted,
    /// The keychain's helper did not answer in time, and another takes its place.
    KeychainRestarted,
    /// An incomplete last record was cut off at start.
    JournalRepaired,
    /// The oldest segments were taken away, as the settings say; `count` is the seq of the last
    /// record in them.
    JournalCut,
}

words!(Event, "event", "it is an event of the audit, as in lease.issued", {
    VaultInitialized => "vault.initialized",
    VaultUnlocked => "vault.unlocked",
    VaultUnlockFailed => "vault.unlock_failed",
    VaultLocked => "vault.locked",
    VaultRekeyed => "vault.rekeyed",
    VaultMigrated => "vault.migrated",
    VaultBackupBegun => "vault.backup_begun",
    VaultBackedUp => "vault.backed_up",
    VaultRestored => "vault.restored",
    SecretAdded => "secret.added",
    SecretRotated => "secret.rotated",
    SecretRemoved => "secret.removed",
    SecretRolledBack => "secret.rolled_back",
    SecretCompared => "secret.compared",
    SecretExpiring => "secret.expiring",
    LeaseIssued => "lease.issued",
    LeaseUsed => "lease.used",
    ReleaseEchoed => "release.echoed",
    ReleaseClosed => "release.closed",
    ApprovalAsked => "approval.asked",
    ApprovalGiven => "approval.given",
    ApprovalDenied => "approval.denied",
    ApprovalEnded => "approval.ended",
    LeaseEnded => "lease.ended",
    LeaseDenied => "lease.denied",
    TokenIssued => "token.issued",
    TokenRevoked => "token.revoked",
    GrantsLoaded => "grants.loaded",
    GrantsRefused => "grants.refused",
    BrokerStarted => "broker.started",
    BrokerStopped => "broker.stopped",
    EgressRestarted => "egress.restarted",
    KeychainRestarted => "keychain.restarted",
    JournalRepaired => "journal.repaired",
    JournalCut => "journal.cut",
});

/// Why it happened: a closed set, so that no text of a peer can get into the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No token, or one that is unknown.
    InvalidToken,
    /// No route for this provider, method and path.
    UnknownRoute,
    /// There is no grants file.
    GrantsMissing,
    /// The grants file is malformed, or its owner or mode is wrong.
    GrantsUnusable,
    /// No grant matches the ask, nor all but one element of it.
    NotGranted,
    /// A grant matches but for its `allowed_hosts`.
    HostNotGranted,
    /// A grant matches but for its `purposes`.
    PurposeNotGranted,
    /// A grant matches but for its `delivery`.
    DeliveryNotGranted,
    /// A grant matches but for its `methods`.
    MethodNotGranted,
    /// A grant matches but for its `paths`.
    PathNotGranted,
    /// A grant would match, but its `not_after` has passed.
    GrantExpired,
    /// The grant's `max_requests_per_minute` or `max_concurrent` is reached.
    RateLimited,
    /// The grant asks for an approval, and somebody said no.
    ApprovalDenied,
    /// The grant asks for an approval, and nobody answered in time.
    ApprovalExpired,
    /// A grant matches, but its secret does not exist or belongs to another provider.
    NoSecret,
    /// A grant matches, but the value of its secret has expired; also the end of a lease of it.
    SecretExpired,
    /// The value cannot stand in an HTTP header.
    ValueNotInjectable,
    /// The vault is locked.
    VaultLocked,
    /// The sealed value is missing or damaged.
    VaultDamaged,
    /// The keychain is locked.
    KeychainLocked,
    /// There is no keychain to be reached, or it does not answer.
    KeychainUnreachable,
    /// The passphrase does not open the vault.
    WrongPassphrase,
    /// A record could not be written.
    JournalUnavailable,
    /// Out of slots or of room for waiting asks.
    Busy,
    /// The lease's time is over.
    Expired,
    /// The lease had all the uses its grant gives one (`max_uses`).
    UsedUp,
    /// The grants changed and no longer allow it.
    GrantChanged,
    /// A new version took the value's place.
    SecretRotated,
    /// The secret was removed.
    SecretRemoved,
    /// The version before took its place again.
    SecretRolledBack,
    /// The providers changed and the lease's route went elsewhere.
    ProviderChanged,
    /// A token of the consumer was revoked.
    TokenRevoked,
    /// A token of the consumer came to its end.
    TokenExpired,
    /// The lease was revoked.
    Revoked,
    /// Whoever it was lent to has given it back, or is gone.
    Returned,
    /// The keeper ended.
    Shutdown,
}

words!(Reason, "reason", "it is a reason of the audit, as in not_granted", {
    InvalidToken => "invalid_token",
    UnknownRoute => "unknown_route",
    GrantsMissing => "grants_missing",
    GrantsUnusable => "grants_unusable",
    NotGranted => "not_granted",
    HostNotGranted => "host_not_granted",
    PurposeNotGranted => "purpose_not_granted",
    DeliveryNotGranted => "delivery_not_granted",
    MethodNotGranted => "method_not_granted",
    PathNotGranted => "path_not_granted",
    GrantExpired => "grant_expired",
    RateLimited => "rate_limited",
    ApprovalDenied => "approval_denied",
    ApprovalExpired => "approval_expired",
    NoSecret => "no_secret",
    SecretExpired => "secret_expired",
    ValueNotInjectable => "value_not_injectable",
    VaultLocked => "vault_locked",
    VaultDamaged => "vault_damaged",
    KeychainLocked => "keychain_locked",
    KeychainUnreachable => "keychain_unreachable",
    WrongPassphrase => "wrong_passphrase",
    JournalUnavailable => "journal_unavailable",
    Busy => "busy",
    Expired => "expired",
    UsedUp => "used_up",
    GrantChanged => "grant_changed",
    SecretRotated => "secret_rotated",
    SecretRemoved => "secret_removed",
    SecretRolledBack => "secret_rolled_back",
    ProviderChanged => "provider_changed",
    TokenRevoked => "token_revoked",
    TokenExpired => "token_expired",
    Revoked => "revoked",
    Returned => "returned",
    Shutdown => "shutdown",
});

/// How a request ended that a value was released for, as egressd reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The whole response reached the client.
    Completed,
    /// The client went away first.
    ClientGone,
    /// No connection to the provider.
    UpstreamUnreachable,
    /// The provider's certificate or handshake was refused.
    UpstreamTls,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// The provider broke off.
    UpstreamFailed,
    /// Its lease was revoked, and the request cut with it.
    Revoked,
    /// The value came too late, and nothing was sent.
    NotSent,
    /// egressd died, so nobody knows.
    Unknown,
}

words!(Outcome, "outcome", "it is an outcome of the audit, as in completed", {
    Completed => "completed",
    ClientGone => "client_gone",
    UpstreamUnreachable => "upstream_unreachable",
    UpstreamTls => "upstream_tls",
    UpstreamTimeout => "upstream_timeout",
    UpstreamFailed => "upstream_failed",
    Revoked => "revoked",
    NotSent => "not_sent",
    Unknown => "unknown",
});
