//! The verdict on an ask: a pure function of grants, secrets and the ask. INV-05 rests on it.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use proto::journal::Reason;
use proto::meta::Timestamp;
use proto::name::{Consumer, Delivery, Handle, Host, Method, ProviderId, Purpose};
use proto::policy::GrantField;

use super::grants::{Approving, Grant, GrantMark, Grants, Limits};
use crate::hazmat::injectable::Injectable;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) consumer: Consumer,
    pub(crate) provider: ProviderId,
    pub(crate) purpose: Purpose,
    pub(crate) delivery: Delivery,
    pub(crate) host: Host,
    /// Where it goes instead with a value that is marked for it.
    pub(crate) marked_host: Option<Host>,
    /// The secret the client named, if it did.
    pub(crate) named: Option<Handle>,
    /// Of the request; none where there is none, or nobody said.
    pub(crate) method: Option<Method>,
    /// As above.
    pub(crate) path: Option<String>,
}

impl Ask {
    /// The same to the host where that value would go.
    pub(crate) fn for_value(&self, found: Option<&Candidate>) -> Cow<'_, Self> {
        match (&self.marked_host, found) {
            (Some(host), Some(found)) if found.injectable.is_marked() => {
                Cow::Owned(Self { host: host.clone(), ..self.clone() })
            }
            (Some(_) | None, Some(_) | None) => Cow::Borrowed(self),
        }
    }
}

/// What must be known of a secret to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) provider: ProviderId,
    pub(crate) version: u32,
    pub(crate) injectable: Injectable,
    pub(crate) expired: bool,
}

/// Proof that an ask was judged and may have this secret. Made here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) secret: Handle,
    pub(crate) version: u32,
    /// The only host it may go to.
    pub(crate) host: Host,
    pub(crate) ttl: Duration,
    /// After as many uses a lease of it ends.
    pub(crate) max_uses: Option<NonZeroU32>,
    /// The grant it rests on.
    pub(crate) grant: GrantMark,
    /// Of that grant.
    pub(crate) limits: Limits,
    /// Whether a person must say so too.
    pub(crate) approving: Option<Approving>,
    /// Where that grant begins.
    pub(crate) line: u32,
    _judged: (),
}

/// The outcome of judging.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Grant(Granted),
    Deny(Reason),
}

/// Judges: the first grant in file order all of whose elements match, and whose secret exists, has
/// the ask's provider and can be delivered that way.
pub(crate) fn judge(
    grants: &Grants,
    secret: impl Fn(&Handle) -> Option<Candidate>,
    ask: &Ask,
    now: Timestamp,
) -> Verdict {
    let grants = match grants {
        Grants::Missing => return Verdict::Deny(Reason::GrantsMissing),
        Grants::Refused(_) => return Verdict::Deny(Reason::GrantsUnusable),
        Grants::Loaded(grants) => grants,
    };
    let mut nearest = Near::Nothing;
    for placed in grants.of(&ask.consumer).filter(|placed| is_about(&placed.grant, ask)) {
        let grant = &placed.grant;
        let found = secret(&grant.secret);
        let ask = &*ask.for_value(found.as_ref());
        let near = match (grant.unmet(ask, now).as_slice(), found) {
            ([], Some(found)) if may_have(ask, &found) && found.expired => Near::SecretOver,
            ([], Some(found)) if may_have(ask, &found) => {
                if ask.delivery != Delivery::HttpHeaderInject || found.injectable.may_be() {
                    return Verdict::Grant(Granted {
                        secret: grant.secret.clone(),
                        version: found.version,
                        host: ask.host.clone(),
                        ttl: grant.ttl_from(now),
                        max_uses: grant.max_uses,
                        grant: placed.mark,
                        limits: grant.limits,
                        approving: grant.approving,
                        line: placed.line,
                        _judged: (),
                    });
                }
                Near::Injectable
            }
            ([], Some(_) | None) => Near::Secret,
            ([field], _) => Near::but_for(*field),
            ([..], _) => Near::Nothing,
        };
        nearest = nearest.max(near);
    }
    Verdict::Deny(nearest.reason())
}

/// A secret never goes to a provider other than its own, and one of no provider to none.
fn may_have(ask: &Ask, found: &Candidate) -> bool {
    let goes_out = match ask.delivery {
        Delivery::HttpHeaderInject => !found.provider.is_generic(),
        Delivery::Native | Delivery::EnvInject => true,
    };
    goes_out && found.provider == ask.provider
}

/// How near the nearest grant came, rising: the reason does not depend on the grants' order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Nothing,
    Delivery,
    Purpose,
    Host,
    Method,
    Path,
    GrantOver,
    Secret,
    Injectable,
    SecretOver,
}

impl Near {
    /// Of a grant that matches in all else.
    const fn but_for(field: GrantField) -> Self {
        match field {
            GrantField::SecretRef | GrantField::Consumer => Self::Nothing,
            GrantField::Delivery => Self::Delivery,
            GrantField::Purposes => Self::Purpose,
            GrantField::AllowedHosts => Self::Host,
            GrantField::Methods => Self::Method,
            GrantField::Paths => Self::Path,
            GrantField::NotAfter => Self::GrantOver,
        }
    }

    const fn reason(self) -> Reason {
        match self {
            Self::Nothing => Reason::NotGranted,
            Self::Delivery => Reason::DeliveryNotGranted,
            Self::Purpose => Reason::PurposeNotGranted,
            Self::Host => Reason::HostNotGranted,
            Self::Method => Reason::MethodNotGranted,
            Self::Path => Reason::PathNotGranted,
            Self::GrantOver => Reason::GrantExpired,
            Self::Secret => Reason::NoSecret,
            Self::Injectable => Reason::ValueNotInjectable,
            Self::SecretOver => Reason::SecretExpired,
        }
    }
}

/// Whether a grant is one of this consumer's, and not of another secret than the named one.
fn is_about(grant: &Grant, ask: &Ask) -> bool {
    grant.consumer == ask.consumer && ask.named.as_ref().is_none_or(|named| *named == grant.secret)
}

#[cfg(test)]
mod tests;
