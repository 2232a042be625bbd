//! The few things a peer may be told when it gets no value.
//!
//! What the journal is told (a [`crate::journal::Reason`]) is finer; a client gets the code and
//! the number of the record.

/// Why a request gets no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No token, or one that is unknown, expired or revoked: one answer for all.
    InvalidToken,
    /// No grant matches.
    NotGranted,
    /// The grant's limit of requests is reached; the answer says when to come again.
    RateLimited,
    /// A person was asked, and denied it or did not answer.
    ApprovalDenied,
    /// Provider, method or path is not in the table.
    UnknownRoute,
    /// The value cannot stand in an HTTP header (16 to 8192 bytes of 0x21 to 0x7E can).
    ValueNotInjectable,
    /// The vault is locked.
    VaultLocked,
    /// The desktop's keychain is locked.
    KeychainLocked,
    /// The use cannot be recorded, so it may not happen (INV-04).
    JournalUnavailable,
    /// Out of slots, or too much is waiting already.
    Busy,
    /// The keeper cannot give what it should: the sealed value is missing or damaged, or the
    /// keeper itself is gone.
    KeeperUnavailable,
}

crate::name::words!(Refusal, "refusal", "it is a code of the gateway's table of refusals", {
    InvalidToken => "invalid_token",
    NotGranted => "not_granted",
    RateLimited => "rate_limited",
    ApprovalDenied => "approval_denied",
    UnknownRoute => "unknown_route",
    ValueNotInjectable => "value_not_injectable",
    VaultLocked => "vault_locked",
    KeychainLocked => "keychain_locked",
    JournalUnavailable => "journal_unavailable",
    Busy => "busy",
    KeeperUnavailable => "keeper_unavailable",
});
