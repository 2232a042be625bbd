//! The verdict on an ask: a pure function of grants, secrets and the ask. INV-05 rests on it.

use std::time::Duration;

use proto::journal::Reason;
use proto::name::{Consumer, Delivery, Handle, Host, ProviderId, Purpose};

use super::grants::{Grant, Grants};

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) consumer: Consumer,
    pub(crate) provider: ProviderId,
    pub(crate) purpose: Purpose,
    pub(crate) delivery: Delivery,
    pub(crate) host: Host,
    /// The secret the client named, if it did.
    pub(crate) named: Option<Handle>,
}

/// What must be known of a secret to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) provider: ProviderId,
    pub(crate) version: u32,
    pub(crate) injectable: bool,
    pub(crate) expired: bool,
}

/// Proof that an ask was judged and may have this secret. Made here only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) secret: Handle,
    pub(crate) version: u32,
    pub(crate) ttl: Duration,
    _judged: (),
}

/// The outcome of judging.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Grant(Granted),
    Deny(Reason),
}

/// Judges: the first grant in file order whose consumer, purpose, delivery and host match, and
/// whose secret exists, has the ask's provider and can be delivered that way.
pub(crate) fn judge(grants: &Grants, secret: impl Fn(&Handle) -> Option<Candidate>, ask: &Ask) -> Verdict {
    let grants = match grants {
        Grants::Missing => return Verdict::Deny(Reason::GrantsMissing),
        Grants::Refused(_) => return Verdict::Deny(Reason::GrantsUnusable),
        Grants::Loaded(grants) => grants,
    };
    let mut nearest = Near::Nothing;
    for grant in grants.iter().filter(|grant| is_about(grant, ask)) {
        let near = match (missing(grant, ask), secret(&grant.secret)) {
            (Some(near), _) => near,
            (None, Some(found)) if found.provider != ask.provider || found.provider.is_generic() => {
                Near::Secret
            }
            (None, Some(found)) if found.expired => Near::Expired,
            (None, Some(found)) if ask.delivery == Delivery::HttpHeaderInject && !found.injectable => {
                Near::Injectable
            }
            (None, Some(found)) => {
                let secret = grant.secret.clone();
                return Verdict::Grant(Granted {
                    secret,
                    version: found.version,
                    ttl: grant.ttl,
                    _judged: (),
                });
            }
            (None, None) => Near::Secret,
        };
        nearest = nearest.max(near);
    }
    Verdict::Deny(nearest.reason())
}

/// How near the nearest grant came, rising: the reason does not depend on the grants' order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Nothing,
    Delivery,
    Purpose,
    Host,
    Secret,
    Injectable,
    Expired,
}

impl Near {
    const fn reason(self) -> Reason {
        match self {
            Self::Nothing => Reason::NotGranted,
            Self::Delivery => Reason::DeliveryNotGranted,
            Self::Purpose => Reason::PurposeNotGranted,
            Self::Host => Reason::HostNotGranted,
            Self::Secret => Reason::NoSecret,
            Self::Injectable => Reason::ValueNotInjectable,
            Self::Expired => Reason::SecretExpired,
        }
    }
}

/// Whether a grant is one of this consumer's, and not of another secret than the named one.
fn is_about(grant: &Grant, ask: &Ask) -> bool {
    grant.consumer == ask.consumer && ask.named.as_ref().is_none_or(|named| *named == grant.secret)
}

/// What keeps a grant from covering the ask; several elements are near to nothing.
fn missing(grant: &Grant, ask: &Ask) -> Option<Near> {
    if grant.covers(&ask.consumer, &ask.purpose, ask.delivery, Some(&ask.host)) {
        return None;
    }
    let with = |purpose, delivery, host| grant.covers(&ask.consumer, purpose, delivery, Some(host));
    let some_purpose = grant.purposes.first().unwrap_or(&ask.purpose);
    let some_delivery = grant.deliveries.first().copied().unwrap_or(ask.delivery);
    let some_host = grant.hosts.first().unwrap_or(&ask.host);
    Some(if with(&ask.purpose, ask.delivery, some_host) {
        Near::Host
    } else if with(some_purpose, ask.delivery, &ask.host) {
        Near::Purpose
    } else if with(&ask.purpose, some_delivery, &ask.host) {
        Near::Delivery
    } else {
        Near::Nothing
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn handle(n: u8) -> Handle {
        Handle::parse(&format!("@s{n}")).unwrap()
    }

    fn consumer(n: u8) -> Consumer {
        Consumer::parse(&format!("c{n}")).unwrap()
    }

    fn purpose(n: u8) -> Purpose {
        Purpose::parse(&format!("p.x{n}")).unwrap()
    }

    fn host(n: u8) -> Host {
        Host::parse(&format!("h{n}.example")).unwrap()
    }

    fn delivery(n: u8) -> Delivery {
        Delivery::ALL[usize::from(n) % Delivery::ALL.len()]
    }

    /// Secrets 0 to 3 exist; odd ones belong to another provider, number 2 cannot be injected.
    fn secret(wanted: &Handle) -> Option<Candidate> {
        let n = (0..4).find(|n| handle(*n) == *wanted)?;
        let provider = if n % 2 == 0 { "openai" } else { "jina" };
        Some(Candidate {
            provider: ProviderId::parse(provider).unwrap(),
            version: 1,
            injectable: n != 2,
            expired: false,
        })
    }

    prop_compose! {
        fn some_grant()(
            s in 0u8..6, c in 0u8..3,
            p in prop::collection::vec(0u8..3, 1..3),
            d in prop::collection::vec(0u8..3, 1..3),
            h in prop::collection::vec(0u8..3, 1..3),
        ) -> Grant {
            Grant {
                secret: handle(s),
                consumer: consumer(c),
                purposes: p.into_iter().map(purpose).collect(),
                deliveries: d.into_iter().map(delivery).collect(),
                hosts: h.into_iter().map(host).collect(),
                ttl: Duration::from_secs(300),
            }
        }
    }

    prop_compose! {
        fn some_ask()(c in 0u8..3, p in 0u8..3, d in 0u8..3, h in 0u8..3, named in prop::option::of(0u8..6)) -> Ask {
            Ask {
                consumer: consumer(c),
                provider: ProviderId::parse("openai").unwrap(),
                purpose: purpose(p),
                delivery: delivery(d),
                host: host(h),
                named: named.map(handle),
            }
        }
    }

    prop_compose! {
        /// An ask for a secret that may have it, and a grant that covers it, with more besides.
        fn fitting()(ask in some_ask(), more in some_grant()) -> (Grant, Ask) {
            let mut grant = Grant { secret: handle(0), consumer: ask.consumer.clone(), ..more };
            grant.purposes.push(ask.purpose.clone());
            grant.deliveries.push(ask.delivery);
            grant.hosts.push(ask.host.clone());
            (grant, Ask { named: ask.named.and(Some(handle(0))), ..ask })
        }
    }

    fn allowed(grants: &[Grant], ask: &Ask) -> Option<Granted> {
        match judge(&Grants::Loaded(grants.to_vec()), secret, ask) {
            Verdict::Grant(granted) => Some(granted),
            Verdict::Deny(_) => None,
        }
    }

    #[test]
    fn no_file_and_a_bad_file_deny() {
        let ask = Ask {
            consumer: consumer(0),
            provider: ProviderId::parse("openai").unwrap(),
            purpose: purpose(0),
            delivery: Delivery::HttpHeaderInject,
            host: host(0),
            named: None,
        };
        assert_eq!(judge(&Grants::Missing, secret, &ask), Verdict::Deny(Reason::GrantsMissing));
        assert_eq!(judge(&Grants::refused("x"), secret, &ask), Verdict::Deny(Reason::GrantsUnusable));
        assert_eq!(judge(&Grants::Loaded(vec![]), secret, &ask), Verdict::Deny(Reason::NotGranted));
    }

    #[test]
    fn a_denial_names_the_one_element_that_did_not_match() {
        let (grant, ask) = (
            Grant {
                secret: handle(0),
                consumer: consumer(0),
                purposes: vec![purpose(0)],
                deliveries: vec![Delivery::HttpHeaderInject],
                hosts: vec![host(0)],
                ttl: Duration::from_secs(1),
            },
            Ask {
                consumer: consumer(0),
                provider: ProviderId::parse("openai").unwrap(),
                purpose: purpose(0),
                delivery: Delivery::HttpHeaderInject,
                host: host(0),
                named: None,
            },
        );
        let reason = |grant: Grant| match judge(&Grants::Loaded(vec![grant]), secret, &ask) {
            Verdict::Deny(reason) => Some(reason),
            Verdict::Grant(_) => None,
        };
        assert_eq!(reason(grant.clone()), None);
        assert_eq!(reason(Grant { hosts: vec![host(1)], ..grant.clone() }), Some(Reason::HostNotGranted));
        assert_eq!(
            reason(Grant { purposes: vec![purpose(1)], ..grant.clone() }),
            Some(Reason::PurposeNotGranted)
        );
        let native = Grant { deliveries: vec![Delivery::Native], ..grant.clone() };
        assert_eq!(reason(native), Some(Reason::DeliveryNotGranted));
        assert_eq!(reason(Grant { consumer: consumer(1), ..grant.clone() }), Some(Reason::NotGranted));
        assert_eq!(reason(Grant { secret: handle(5), ..grant.clone() }), Some(Reason::NoSecret));
        assert_eq!(reason(Grant { secret: handle(2), ..grant.clone() }), Some(Reason::ValueNotInjectable));
        let far = Grant { hosts: vec![host(1)], purposes: vec![purpose(1)], ..grant };
        assert_eq!(reason(far), Some(Reason::NotGranted));
    }

    proptest! {
        #[test]
        fn removing_any_one_matching_element_of_the_only_grant_denies((grant, ask) in fitting()) {
            prop_assert!(allowed(std::slice::from_ref(&grant), &ask).is_some());
            let without = [
                Grant { purposes: grant.purposes.iter().filter(|p| **p != ask.purpose).cloned().collect(), ..grant.clone() },
                Grant { deliveries: grant.deliveries.iter().filter(|d| **d != ask.delivery).copied().collect(), ..grant.clone() },
                Grant { consumer: consumer(9), ..grant.clone() },
                Grant { secret: handle(9), ..grant.clone() },
            ];
            for less in without {
                prop_assert!(allowed(&[less], &ask).is_none());
            }
            let hosts = grant.hosts.iter().filter(|h| **h != ask.host).cloned().collect();
            let less = Grant { hosts, ..grant.clone() };
            prop_assert_eq!(allowed(&[less], &ask).is_none(), ask.delivery == Delivery::HttpHeaderInject);
        }

        #[test]
        fn adding_grants_of_others_never_changes_a_verdict(
            grants in prop::collection::vec(some_grant(), 0..6),
            others in prop::collection::vec(some_grant(), 0..6),
            ask in some_ask(),
            first in any::<bool>(),
        ) {
            let others = others.into_iter().map(|grant| Grant { consumer: consumer(8), ..grant });
            let more: Vec<_> = if first {
                others.chain(grants.clone()).collect()
            } else {
                grants.iter().cloned().chain(others).collect()
            };
            let before = judge(&Grants::Loaded(grants), secret, &ask);
            prop_assert_eq!(before, judge(&Grants::Loaded(more), secret, &ask));
        }

        #[test]
        fn the_order_of_grants_never_changes_allow_or_deny(
            (grants, shuffled) in prop::collection::vec(some_grant(), 0..6)
                .prop_flat_map(|grants| (Just(grants.clone()), Just(grants).prop_shuffle())),
            ask in some_ask(),
        ) {
            let one = judge(&Grants::Loaded(grants), secret, &ask);
            let other = judge(&Grants::Loaded(shuffled), secret, &ask);
            match (one, other) {
                (Verdict::Grant(_), Verdict::Grant(_)) => {}
                (one, other) => prop_assert_eq!(one, other),
            }
        }

        #[test]
        fn a_secret_never_goes_to_a_provider_other_than_its_own(
            grants in prop::collection::vec(some_grant(), 0..6),
            ask in some_ask(),
        ) {
            if let Some(granted) = allowed(&grants, &ask) {
                prop_assert_eq!(secret(&granted.secret).unwrap().provider, ask.provider);
            }
        }
    }
}
