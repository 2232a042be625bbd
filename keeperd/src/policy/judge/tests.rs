//! Claims about every judgement, for any grants and any ask.

use proptest::prelude::*;

use super::super::explain::explain;
use super::super::grants::{Approving, Placed};
use super::*;
use proto::policy::Explanation;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

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

fn method(n: u8) -> Method {
    Method::parse(["GET", "POST", "PUT"][usize::from(n) % 3]).unwrap()
}

fn path(n: u8) -> String {
    format!("/v1/x{n}")
}

/// Secrets 0 to 3 exist; odd ones belong to another provider, number 2 cannot be injected.
fn secret(wanted: &Handle) -> Option<Candidate> {
    let n = (0..4).find(|n| handle(*n) == *wanted)?;
    let provider = if n % 2 == 0 { "openai" } else { "jina" };
    Some(Candidate {
        provider: ProviderId::parse(provider).unwrap(),
        version: 1,
        injectable: if n == 2 { Injectable::No } else { Injectable::Yes },
        expired: false,
    })
}

fn loaded(grants: &[Grant]) -> Grants {
    let lines = (1..).zip(grants.iter().cloned());
    Grants::Loaded(lines.map(|(line, grant)| Placed::new(grant, line)).collect())
}

fn verdict(grants: &[Grant], ask: &Ask) -> Verdict {
    judge(&loaded(grants), secret, ask, NOW)
}

/// What was decided, wherever in the file the grant stands.
fn decided(grants: &[Grant], ask: &Ask) -> Verdict {
    match verdict(grants, ask) {
        Verdict::Grant(granted) => Verdict::Grant(Granted { line: 0, ..granted }),
        Verdict::Deny(reason) => Verdict::Deny(reason),
    }
}

fn allowed(grants: &[Grant], ask: &Ask) -> Option<Granted> {
    match verdict(grants, ask) {
        Verdict::Grant(granted) => Some(granted),
        Verdict::Deny(_) => None,
    }
}

prop_compose! {
    fn some_grant()(
        s in 0u8..6, c in 0u8..3,
        p in prop::collection::vec(0u8..3, 1..3),
        d in prop::collection::vec(0u8..3, 1..3),
        h in prop::collection::vec(0u8..3, 1..3),
        m in prop::option::of(prop::collection::vec(0u8..3, 1..3)),
        x in prop::option::of(prop::collection::vec(0u8..3, 1..3)),
        end in prop::option::of(0u64..3),
        wait in prop::option::of(1u64..3),
    ) -> Grant {
        Grant {
            secret: handle(s),
            consumer: consumer(c),
            purposes: p.into_iter().map(purpose).collect(),
            deliveries: d.into_iter().map(delivery).collect(),
            hosts: h.into_iter().map(host).collect(),
            methods: m.map(|m| m.into_iter().map(method).collect()),
            paths: x.map(|x| x.into_iter().map(path).collect()),
            ttl: Duration::from_secs(300),
            max_uses: None,
            not_after: end.map(|end| Timestamp(NOW.0 - 1 + end)),
            limits: Limits::default(),
            approving: wait.map(|secs| Approving { wait: Duration::from_secs(secs) }),
        }
    }
}

prop_compose! {
    fn some_ask()(
        c in 0u8..3, p in 0u8..3, d in 0u8..3, h in 0u8..3,
        named in prop::option::of(0u8..6),
        m in prop::option::of(0u8..3), x in prop::option::of(0u8..3),
    ) -> Ask {
        Ask {
            consumer: consumer(c),
            provider: ProviderId::parse("openai").unwrap(),
            purpose: purpose(p),
            delivery: delivery(d),
            host: host(h),
            marked_host: None,
            named: named.map(handle),
            method: m.map(method),
            path: x.map(path),
        }
    }
}

prop_compose! {
    /// An ask for a secret that may have it, and a grant that covers it, with more besides.
    fn fitting()(ask in some_ask(), more in some_grant(), m in 0u8..3, x in 0u8..3) -> (Grant, Ask) {
        let mut grant = Grant {
            secret: handle(0),
            consumer: ask.consumer.clone(),
            not_after: more.not_after.map(|_| Timestamp(NOW.0 + 1)),
            ..more
        };
        grant.purposes.push(ask.purpose.clone());
        grant.deliveries.push(ask.delivery);
        grant.hosts.push(ask.host.clone());
        grant.methods.iter_mut().for_each(|methods| methods.push(method(m)));
        grant.paths.iter_mut().for_each(|paths| paths.push(path(x)));
        let named = ask.named.and(Some(handle(0)));
        (grant, Ask { named, method: Some(method(m)), path: Some(path(x)), ..ask })
    }
}

fn one_of_each() -> (Grant, Ask) {
    let grant = Grant {
        secret: handle(0),
        consumer: consumer(0),
        purposes: vec![purpose(0)],
        deliveries: vec![Delivery::HttpHeaderInject],
        hosts: vec![host(0)],
        methods: None,
        paths: None,
        ttl: Duration::from_secs(100),
        max_uses: None,
        not_after: None,
        limits: Limits::default(),
        approving: None,
    };
    let ask = Ask {
        consumer: consumer(0),
        provider: ProviderId::parse("openai").unwrap(),
        purpose: purpose(0),
        delivery: Delivery::HttpHeaderInject,
        host: host(0),
        marked_host: None,
        named: None,
        method: Some(method(1)),
        path: Some(path(0)),
    };
    (grant, ask)
}

#[test]
fn no_file_and_a_bad_file_deny() {
    let (_, ask) = one_of_each();
    assert_eq!(judge(&Grants::Missing, secret, &ask, NOW), Verdict::Deny(Reason::GrantsMissing));
    assert_eq!(judge(&Grants::refused("x"), secret, &ask, NOW), Verdict::Deny(Reason::GrantsUnusable));
    assert_eq!(verdict(&[], &ask), Verdict::Deny(Reason::NotGranted));
}

#[test]
fn the_grant_in_force_says_whether_a_person_is_asked() {
    let (grant, ask) = one_of_each();
    let asks = Grant { approving: Some(Approving { wait: Duration::from_secs(7) }), ..grant.clone() };
    let approving = |grants: &[Grant]| allowed(grants, &ask).map(|granted| granted.approving.is_some());
    assert_eq!(approving(&[grant.clone(), asks.clone()]), Some(false));
    assert_eq!(approving(&[asks, grant]), Some(true), "the first one that matches is the one");
}

#[test]
fn a_denial_names_the_one_element_that_did_not_match() {
    let (grant, ask) = one_of_each();
    let reason = |grant: Grant| match verdict(&[grant], &ask) {
        Verdict::Deny(reason) => Some(reason),
        Verdict::Grant(_) => None,
    };
    let with = |change: &dyn Fn(&mut Grant)| {
        let mut other = grant.clone();
        change(&mut other);
        reason(other)
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|grant| grant.hosts = vec![host(1)]), Some(Reason::HostNotGranted));
    assert_eq!(with(&|grant| grant.purposes = vec![purpose(1)]), Some(Reason::PurposeNotGranted));
    assert_eq!(with(&|grant| grant.deliveries = vec![Delivery::Native]), Some(Reason::DeliveryNotGranted));
    assert_eq!(with(&|grant| grant.methods = Some(vec![method(0)])), Some(Reason::MethodNotGranted));
    assert_eq!(with(&|grant| grant.methods = Some(vec![method(1)])), None);
    assert_eq!(with(&|grant| grant.paths = Some(vec![path(1)])), Some(Reason::PathNotGranted));
    assert_eq!(with(&|grant| grant.paths = Some(vec!["/v1/{any}".to_owned()])), None);
    assert_eq!(with(&|grant| grant.not_after = Some(NOW)), Some(Reason::GrantExpired));
    assert_eq!(with(&|grant| grant.consumer = consumer(1)), Some(Reason::NotGranted));
    assert_eq!(with(&|grant| grant.secret = handle(5)), Some(Reason::NoSecret));
    assert_eq!(with(&|grant| grant.secret = handle(2)), Some(Reason::ValueNotInjectable));
    let far = |grant: &mut Grant| (grant.hosts, grant.purposes) = (vec![host(1)], vec![purpose(1)]);
    assert_eq!(with(&far), Some(Reason::NotGranted));
}

#[test]
fn a_lease_ends_no_later_than_its_grant() {
    let (grant, ask) = one_of_each();
    let ttl = |end: u64| {
        let grant = Grant { not_after: Some(Timestamp(NOW.0 + end)), ..grant.clone() };
        allowed(&[grant], &ask).map(|granted| granted.ttl)
    };
    assert_eq!(ttl(99_000), Some(Duration::from_secs(99)));
    assert_eq!(ttl(101_000), Some(Duration::from_secs(100)));
    assert_eq!(ttl(0), None);
}

#[test]
fn a_generic_secret_is_granted_to_programs_and_never_through_the_gateway() {
    let (grant, ask) = one_of_each();
    let generic = ProviderId::parse("generic").unwrap();
    let secret = |_: &Handle| {
        Some(Candidate { provider: generic.clone(), version: 1, injectable: Injectable::Yes, expired: false })
    };
    let judged = |delivery| {
        let ask = Ask { delivery, provider: generic.clone(), ..ask.clone() };
        let grant = Grant { deliveries: vec![delivery], ..grant.clone() };
        matches!(judge(&loaded(&[grant]), secret, &ask, NOW), Verdict::Grant(_))
    };
    assert!(judged(Delivery::Native) && judged(Delivery::EnvInject));
    assert!(!judged(Delivery::HttpHeaderInject));
}

proptest! {
    #[test]
    fn without_a_grant_that_matches_there_is_no_lease(
        grants in prop::collection::vec(some_grant(), 0..6), ask in some_ask(),
    ) {
        let matching = grants.iter().any(|grant| grant.unmet(&ask, NOW).is_empty());
        prop_assert!(matching || allowed(&grants, &ask).is_none());
    }

    #[test]
    fn removing_any_one_matching_element_of_the_only_grant_denies((grant, ask) in fitting()) {
        prop_assert!(allowed(std::slice::from_ref(&grant), &ask).is_some());
        let without = [
            Grant { purposes: grant.purposes.iter().filter(|p| **p != ask.purpose).cloned().collect(), ..grant.clone() },
            Grant { deliveries: grant.deliveries.iter().filter(|d| **d != ask.delivery).copied().collect(), ..grant.clone() },
            Grant { consumer: consumer(9), ..grant.clone() },
            Grant { secret: handle(9), ..grant.clone() },
            Grant { not_after: Some(NOW), ..grant.clone() },
        ];
        for less in without {
            prop_assert!(allowed(&[less], &ask).is_none());
        }
        let others = |methods: &Vec<Method>| methods.iter().filter(|m| Some(*m) != ask.method.as_ref()).cloned().collect();
        let elsewhere = |paths: &Vec<String>| paths.iter().filter(|p| Some(*p) != ask.path.as_ref()).cloned().collect();
        let of_requests = [
            Grant { hosts: grant.hosts.iter().filter(|h| **h != ask.host).cloned().collect(), ..grant.clone() },
            Grant { methods: Some(grant.methods.as_ref().map_or(vec![], others)), ..grant.clone() },
            Grant { paths: Some(grant.paths.as_ref().map_or(vec![], elsewhere)), ..grant.clone() },
        ];
        for less in of_requests {
            prop_assert_eq!(allowed(&[less], &ask).is_none(), ask.delivery == Delivery::HttpHeaderInject);
        }
    }

    #[test]
    fn a_request_of_which_nothing_is_known_gets_nothing_of_a_narrowed_grant((grant, ask) in fitting()) {
        let unknown = Ask { method: None, path: None, ..ask };
        let narrow = grant.methods.is_some() || grant.paths.is_some();
        let denied = narrow && unknown.delivery == Delivery::HttpHeaderInject;
        prop_assert_eq!(allowed(&[grant], &unknown).is_none(), denied);
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
        prop_assert_eq!(decided(&grants, &ask), decided(&more, &ask));
    }

    #[test]
    fn adding_grants_that_do_not_match_never_allows_and_never_denies(
        grants in prop::collection::vec(some_grant(), 0..6),
        others in prop::collection::vec(some_grant(), 0..6),
        ask in some_ask(),
    ) {
        let others = others.into_iter().filter(|grant| !grant.unmet(&ask, NOW).is_empty());
        let more: Vec<_> = others.chain(grants.clone()).collect();
        let same = |granted: Granted| Granted { line: 0, ..granted };
        prop_assert_eq!(allowed(&grants, &ask).map(same), allowed(&more, &ask).map(same));
    }

    #[test]
    fn the_order_of_grants_never_changes_allow_or_deny(
        (grants, shuffled) in prop::collection::vec(some_grant(), 0..6)
            .prop_flat_map(|grants| (Just(grants.clone()), Just(grants).prop_shuffle())),
        ask in some_ask(),
    ) {
        match (verdict(&grants, &ask), verdict(&shuffled, &ask)) {
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

    #[test]
    fn an_explanation_says_what_the_judge_says(
        grants in prop::collection::vec(some_grant(), 1..6), ask in some_ask(),
    ) {
        match (explain(&loaded(&grants), secret, &ask, NOW), verdict(&grants, &ask)) {
            (Explanation::Allowed { line, .. }, Verdict::Grant(granted)) => {
                prop_assert_eq!(line, granted.line);
                let grant = &grants[usize::try_from(line).unwrap() - 1];
                prop_assert!(grant.unmet(&ask, NOW).is_empty());
            }
            (Explanation::Refused { reason, nearest }, Verdict::Deny(why)) => {
                prop_assert_eq!(reason, why);
                let nearest = nearest.unwrap();
                let grant = &grants[usize::try_from(nearest.line).unwrap() - 1];
                prop_assert_eq!(&nearest.fields, &grant.unmet(&ask, NOW));
                prop_assert!(grants.iter().all(|grant| grant.unmet(&ask, NOW).len() >= nearest.fields.len()));
            }
            (explained, judged) => prop_assert!(false, "{explained:?} is not {judged:?}"),
        }
    }
}

#[test]
fn a_marked_value_goes_to_the_other_host_and_only_where_that_is_granted_too() {
    let (grant, ask) = one_of_each();
    let ask = Ask { delivery: Delivery::HttpHeaderInject, marked_host: Some(host(1)), ..ask };
    let judged = |hosts: Vec<Host>, injectable| {
        let grant = Grant { deliveries: vec![Delivery::HttpHeaderInject], hosts, ..grant.clone() };
        let provider = ask.provider.clone();
        let secret = |_: &Handle| {
            Some(Candidate { provider: provider.clone(), version: 1, injectable, expired: false })
        };
        match judge(&Grants::Loaded([Placed::new(grant, 1)].into_iter().collect()), secret, &ask, NOW) {
            Verdict::Grant(granted) => Ok(granted.host),
            Verdict::Deny(reason) => Err(reason),
        }
    };
    assert_eq!(judged(vec![host(0)], Injectable::Yes), Ok(host(0)));
    assert_eq!(judged(vec![host(0), host(1)], Injectable::YesMarked), Ok(host(1)));
    assert_eq!(judged(vec![host(0)], Injectable::YesMarked), Err(Reason::HostNotGranted));
    assert_eq!(judged(vec![host(1)], Injectable::Yes), Err(Reason::HostNotGranted));
}
