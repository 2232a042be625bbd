//! All that `list` and `inspect` may show of a secret, and the small numbers of the protocol.

use serde::{Deserialize, Serialize};

use crate::name::{
    Consumer, Delivery, Handle, Host, Kind, NameError, ProviderId, Purpose, RouteName, TokenId,
};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

/// Identifies a lease for as long as this keeper runs; never given out twice by one keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId(pub u64);

impl LeaseId {
    /// Parses an id as it is shown.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or(NameError {
            what: "lease id",
            rule: "it is sixteen lower-case hex characters, as shown by lease list",
        })
    }
}

impl std::fmt::Display for LeaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:016x}", self.0))
    }
}

/// The place of a record in the journal, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordSeq(pub u64);

/// Twelve lower-case hex characters of a keyed hash of the value: equal values under one data key
/// have equal fingerprints, and without the key it says nothing about the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Box<str>);

impl Fingerprint {
    /// Parses a fingerprint.
    ///
    /// # Errors
    /// [`NameError`] when it is not twelve lower-case hex characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.into()));
        }
        Err(NameError { what: "fingerprint", rule: "it is twelve lower-case hex characters" })
    }
}

crate::name::textual!(Fingerprint, "");

/// One version of a secret, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionMeta {
    /// Counted from 1 and never reused for one handle, also not after it was removed.
    pub version: u32,
    /// Of this version's value.
    pub fingerprint: Fingerprint,
    /// When this version was deposited.
    pub created: Timestamp,
    /// When its value expires: no lease is had from then on. None if it has no end.
    pub expires: Option<Timestamp>,
    /// Of an earlier version: until when it may be gone back to.
    pub kept_until: Option<Timestamp>,
}

/// A secret, as shown. There is no field a value would fit in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMeta {
    /// Its name.
    pub handle: Handle,
    /// The only provider it may be sent to.
    pub provider: ProviderId,
    /// What sort of value it is.
    pub kind: Kind,
    /// When its first version was deposited.
    pub created: Timestamp,
    /// When a version was last put in the place of another, by a rotation or by going back.
    pub rotated: Option<Timestamp>,
    /// When a value last left keeperd.
    pub last_used: Option<Timestamp>,
    /// Its versions that still exist, oldest first; the last is the one new leases use.
    pub versions: Vec<VersionMeta>,
}

/// What a broker token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenUse {
    /// The one in `broker.token`, or one that was there before and is still let in for a while.
    Bootstrap,
    /// Issued to a consumer by name.
    Issued,
}

impl TokenUse {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Bootstrap, Self::Issued];

    /// The word people read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Issued => "issued",
        }
    }
}

/// A broker token, as shown. There is no field a token would fit in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMeta {
    /// Of its digest.
    pub id: TokenId,
    /// Whom it speaks for.
    pub consumer: Consumer,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; none if it has no end.
    pub expires: Option<Timestamp>,
    /// When it was last presented and taken.
    pub last_used: Option<Timestamp>,
    /// What it is for.
    pub used_as: TokenUse,
}

/// A use that waits for a person, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalMeta {
    /// Its id, and that of the lease it may become.
    pub id: LeaseId,
    /// Who asks.
    pub consumer: Consumer,
    /// For which secret.
    pub secret: Handle,
    /// For which of its versions.
    pub version: u32,
    /// What for.
    pub purpose: Purpose,
    /// How the value would leave.
    pub delivery: Delivery,
    /// Where it would go; none where that is a program of this machine.
    pub host: Option<Host>,
    /// Of the request that came first.
    pub route: RouteName,
    /// The user whose process that was, where it is known.
    pub uid: Option<u32>,
    /// That process.
    pub pid: Option<u32>,
    /// When it came.
    pub asked: Timestamp,
    /// When the last request that waits is refused.
    pub ends: Timestamp,
    /// How long the lease would last.
    pub ttl_secs: u32,
    /// How many requests wait.
    pub asks: u32,
}

/// A lease in force, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseMeta {
    /// Its id.
    pub id: LeaseId,
    /// Who has it.
    pub consumer: Consumer,
    /// Of which secret.
    pub secret: Handle,
    /// Of which of its versions.
    pub version: u32,
    /// What for.
    pub purpose: Purpose,
    /// How the value leaves.
    pub delivery: Delivery,
    /// Where it goes; none where it goes to a program of this machine.
    pub host: Option<Host>,
    /// When it began.
    pub issued: Timestamp,
    /// When it ends by its time.
    pub ends: Timestamp,
    /// How often a value was released under it.
    pub uses: u64,
}
