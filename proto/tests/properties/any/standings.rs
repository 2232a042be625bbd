//! Any of what several messages carry: failures, metadata, standings, transports.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::control_lane::{ErrorShape, Scheme, TokenSlot, Transport};
use proto::failure::{Failure, FailureClass};
use proto::meta::{ApprovalMeta, LeaseId, LeaseMeta, SecretMeta, TokenMeta, TokenUse, VersionMeta};
use proto::name::{Backend, Delivery, Kind};
use proto::standing::{
    ChildKind, ChildStanding, Confinement, GrantsStanding, KeeperStanding, LauncherStanding, Layer,
    Namespace, NamespaceKind, Phase,
};

use super::names::{consumer, fingerprint, handle, host, provider, purpose, route, time, token_id};

pub(super) fn failure() -> impl Strategy<Value = Failure> {
    let class = select(vec![
        FailureClass::Usage,
        FailureClass::BadInput,
        FailureClass::Unreachable,
        FailureClass::Bug,
        FailureClass::Io,
        FailureClass::TryAgain,
        FailureClass::Refused,
        FailureClass::Config,
    ]);
    (class, any::<String>(), any::<String>()).prop_map(|(class, what, hint)| Failure { class, what, hint })
}

pub(super) fn secret() -> impl Strategy<Value = SecretMeta> {
    let version = (any::<u32>(), fingerprint(), time(), of(time()), of(time())).prop_map(
        |(version, fingerprint, created, expires, kept_until)| VersionMeta {
            version,
            fingerprint,
            created,
            expires,
            kept_until,
        },
    );
    (handle(), provider(), select(Kind::ALL), time(), of(time()), of(time()), vec(version, 0..4)).prop_map(
        |(handle, provider, kind, created, rotated, last_used, versions)| SecretMeta {
            handle,
            provider,
            kind,
            created,
            rotated,
            last_used,
            versions,
        },
    )
}

pub(super) fn token() -> impl Strategy<Value = TokenMeta> {
    (token_id(), consumer(), time(), of(time()), of(time()), select(TokenUse::ALL)).prop_map(
        |(id, consumer, created, expires, last_used, used_as)| TokenMeta {
            id,
            consumer,
            created,
            expires,
            last_used,
            used_as,
        },
    )
}

pub(super) fn lease() -> impl Strategy<Value = LeaseMeta> {
    let use_of = (consumer(), handle(), any::<u32>(), purpose(), select(Delivery::ALL), of(host()));
    (any::<u64>(), use_of, time(), time(), any::<u64>()).prop_map(|(id, use_of, issued, ends, uses)| {
        let (consumer, secret, version, purpose, delivery, host) = use_of;
        let id = LeaseId(id);
        LeaseMeta { id, consumer, secret, version, purpose, delivery, host, issued, ends, uses }
    })
}

pub(super) fn approval() -> impl Strategy<Value = ApprovalMeta> {
    let asker = (route(), of(any::<u32>()), of(any::<u32>()));
    (lease(), asker, any::<u32>(), any::<u32>()).prop_map(|(lease, (route, uid, pid), ttl_secs, asks)| {
        let LeaseMeta { id, consumer, secret, version, purpose, delivery, host, issued, ends, uses: _ } =
            lease;
        let asked = issued;
        ApprovalMeta {
            id,
            consumer,
            secret,
            version,
            purpose,
            delivery,
            host,
            route,
            uid,
            pid,
            asked,
            ends,
            ttl_secs,
            asks,
        }
    })
}

pub(super) fn launcher() -> impl Strategy<Value = LauncherStanding> {
    let child = (select(ChildKind::ALL), any::<u32>(), any::<u32>(), confinement()).prop_map(
        |(kind, generation, pid, confinement)| ChildStanding { kind, generation, pid, confinement },
    );
    let phase = select(Phase::ALL);
    (any::<u32>(), time(), phase, of(any::<String>()), vec(any::<String>(), 0..3), vec(child, 0..4)).prop_map(
        |(pid, started, phase, tcp, sockets, children)| LauncherStanding {
            pid,
            started,
            phase,
            tcp,
            sockets,
            children,
        },
    )
}

pub(super) fn confinement() -> impl Strategy<Value = Confinement> {
    let namespace = (select(NamespaceKind::ALL), any::<u64>());
    let namespace = namespace.prop_map(|(kind, inode)| Namespace { kind, inode });
    (vec(select(Layer::ALL), 0..4), any::<u16>(), vec(namespace, 0..4))
        .prop_map(|(layers, landlock_abi, namespaces)| Confinement { layers, landlock_abi, namespaces })
}

pub(super) fn keeper() -> impl Strategy<Value = KeeperStanding> {
    let grants = prop_oneof![
        any::<u32>().prop_map(GrantsStanding::Loaded),
        Just(GrantsStanding::Missing),
        any::<String>().prop_map(GrantsStanding::Refused),
    ];
    let home = (any::<String>(), of(select(Backend::ALL)));
    (home, any::<bool>(), any::<u32>(), grants, of(any::<String>()), of(any::<String>())).prop_map(
        |((home, backend), locked, secrets, grants, providers_refused, journal_broken)| KeeperStanding {
            home,
            backend,
            locked,
            secrets,
            grants,
            providers_refused,
            journal_broken,
        },
    )
}

pub(super) fn transport() -> impl Strategy<Value = Transport> {
    (
        provider(),
        select(vec![Scheme::Http, Scheme::Https]),
        host(),
        any::<u16>(),
        any::<bool>(),
        (any::<u32>(), any::<u32>()),
        any::<bool>(),
        select(ErrorShape::ALL),
        vec(slot(), 0..4),
    )
        .prop_map(
            |(
                provider,
                scheme,
                host,
                port,
                allow_private,
                (connect_timeout_ms, idle_timeout_ms),
                scrub,
                errors,
                token_slots,
            )| {
                Transport {
                    provider,
                    scheme,
                    host,
                    port,
                    allow_private,
                    connect_timeout_ms,
                    idle_timeout_ms,
                    scrub,
                    errors,
                    token_slots,
                }
            },
        )
}

fn slot() -> impl Strategy<Value = TokenSlot> {
    prop_oneof![
        (any::<String>(), any::<String>()).prop_map(|(name, prefix)| TokenSlot::Header { name, prefix }),
        any::<String>().prop_map(|name| TokenSlot::Query { name }),
    ]
}
