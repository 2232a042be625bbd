//! Any of what the CLI is told of policy.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::journal::Reason;
use proto::name::Delivery;
use proto::policy::{
    Explanation, FileComplaint, FileVerdict, GrantField, GrantView, ListedRoute, Nearest, Origin, Place,
    Question, RouteView, Takes,
};

use super::names::{consumer, handle, host, method, provider, purpose, time};

pub(super) fn question() -> impl Strategy<Value = Question> {
    let whose = (consumer(), handle(), purpose(), of(host()), select(Delivery::ALL));
    (whose, of(method()), of(any::<String>())).prop_map(
        |((consumer, secret, purpose, host, delivery), method, path)| Question {
            consumer,
            secret,
            purpose,
            host,
            delivery,
            method,
            path,
        },
    )
}

pub(super) fn grant() -> impl Strategy<Value = GrantView> {
    let elements = (
        handle(),
        consumer(),
        vec(purpose(), 0..4),
        vec(select(Delivery::ALL), 0..4),
        vec(host(), 0..4),
        of(vec(method(), 0..4)),
        of(vec(any::<String>(), 0..4)),
    );
    let terms =
        (any::<u32>(), any::<u32>(), of(time()), of(any::<u32>()), of(any::<u32>()), of(any::<u32>()));
    (elements, terms).prop_map(
        |(
            (secret, consumer, purposes, delivery, allowed_hosts, methods, paths),
            (line, ttl_secs, not_after, max_requests_per_minute, max_concurrent, approval_secs),
        )| GrantView {
            line,
            secret,
            consumer,
            purposes,
            delivery,
            allowed_hosts,
            methods,
            paths,
            ttl_secs,
            not_after,
            max_requests_per_minute,
            max_concurrent,
            approval_secs,
        },
    )
}

pub(super) fn route() -> impl Strategy<Value = RouteView> {
    let listed = (method(), any::<String>(), purpose()).prop_map(|(method, path, purpose)| ListedRoute {
        method,
        path,
        purpose,
    });
    (provider(), select(Origin::ALL), select(Takes::ALL), vec(host(), 0..3), of(listed)).prop_map(
        |(provider, origin, takes, hosts, route)| RouteView { provider, origin, takes, hosts, route },
    )
}

pub(super) fn explanation() -> impl Strategy<Value = Explanation> {
    let nearest = (any::<u32>(), vec(select(GrantField::ALL), 0..9))
        .prop_map(|(line, fields)| Nearest { line, fields });
    prop_oneof![
        (any::<u32>(), any::<u32>(), of(any::<u32>())).prop_map(|(line, ttl_secs, approval_secs)| {
            Explanation::Allowed { line, ttl_secs, approval_secs }
        }),
        (select(Reason::ALL), of(nearest))
            .prop_map(|(reason, nearest)| Explanation::Refused { reason, nearest }),
    ]
}

pub(super) fn verdict() -> impl Strategy<Value = FileVerdict> {
    let place = (any::<u32>(), any::<u32>()).prop_map(|(line, column)| Place { line, column });
    let complaint = (of(place), any::<String>(), any::<String>())
        .prop_map(|(place, what, mend)| FileComplaint { place, what, mend });
    prop_oneof![
        Just(FileVerdict::Missing),
        any::<u32>().prop_map(FileVerdict::Good),
        complaint.prop_map(FileVerdict::Bad),
    ]
}
