//! Any name, any number, any message: what the properties are quantified over.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::cli_lane::{CliAnswer, CliRequest, InitItem};
use proto::control_lane::{
    ControlOrder, ControlReport, KdfCost, ListenerKind, LogLevel, Role, Scheme, StartEgress, StartKeeper,
    Transport, Wish,
};
use proto::failure::{Failure, FailureClass};
use proto::hello::{Hello, LaneKind};
use proto::journal::{Chained, Event, Outcome, Reason, Record, Verdict};
use proto::lease_lane::{Caller, Inject, LeaseAnswer, LeaseRequest};
use proto::meta::{Fingerprint, LeaseId, RecordSeq, SecretMeta, Timestamp, VersionMeta};
use proto::name::{
    Backend, Consumer, Delivery, Handle, Host, Kind, Method, NameError, ProviderId, Purpose, RouteName,
};
use proto::refusal::Refusal;
use proto::standing::{ChildKind, ChildStanding, GrantsStanding, KeeperStanding, LauncherStanding, Layer};

fn parsed<T: std::fmt::Debug + 'static>(
    pattern: &'static str,
    parse: fn(&str) -> Result<T, NameError>,
) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("not a name", move |text| parse(&text).ok())
}

pub(crate) fn handle() -> impl Strategy<Value = Handle> {
    parsed("@[a-z0-9][a-z0-9_.-]{0,63}", Handle::parse)
}

pub(crate) fn consumer() -> impl Strategy<Value = Consumer> {
    parsed("[a-z0-9][a-z0-9_.:-]{0,63}", Consumer::parse)
}

pub(crate) fn provider() -> impl Strategy<Value = ProviderId> {
    parsed("[a-z0-9][a-z0-9_-]{0,31}", ProviderId::parse)
}

pub(crate) fn purpose() -> impl Strategy<Value = Purpose> {
    parsed("[a-z0-9][a-z0-9_-]{0,9}(\\.[a-z0-9][a-z0-9_-]{0,9}){1,3}", Purpose::parse)
}

pub(crate) fn method() -> impl Strategy<Value = Method> {
    parsed("[A-Z]{1,16}", Method::parse)
}

pub(crate) fn route() -> impl Strategy<Value = RouteName> {
    parsed("[ -~]{1,256}", RouteName::parse)
}

pub(crate) fn host() -> impl Strategy<Value = Host> {
    let name = parsed("[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z][a-z0-9]{0,10}){0,3}", Host::parse);
    let address =
        any::<IpAddr>().prop_filter_map("not a host", |address| Host::parse(&address.to_string()).ok());
    prop_oneof![name, address]
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    parsed("[0-9a-f]{12}", Fingerprint::parse)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}

fn failure() -> impl Strategy<Value = Failure> {
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

fn secret() -> impl Strategy<Value = SecretMeta> {
    let version = (any::<u32>(), fingerprint(), time())
        .prop_map(|(version, fingerprint, created)| VersionMeta { version, fingerprint, created });
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

fn launcher() -> impl Strategy<Value = LauncherStanding> {
    let child = (select(ChildKind::ALL), any::<u32>(), any::<u32>(), vec(select(Layer::ALL), 0..4))
        .prop_map(|(kind, generation, pid, layers)| ChildStanding { kind, generation, pid, layers });
    (any::<u32>(), time(), of(any::<String>()), vec(any::<String>(), 0..3), vec(child, 0..4)).prop_map(
        |(pid, started, tcp, sockets, children)| LauncherStanding { pid, started, tcp, sockets, children },
    )
}

fn keeper() -> impl Strategy<Value = KeeperStanding> {
    let grants = prop_oneof![
        any::<u32>().prop_map(GrantsStanding::Loaded),
        Just(GrantsStanding::Missing),
        any::<String>().prop_map(GrantsStanding::Refused),
    ];
    (of(select(Backend::ALL)), any::<bool>(), any::<u32>(), grants, of(any::<String>()), of(any::<String>()))
        .prop_map(|(backend, locked, secrets, grants, providers_refused, journal_broken)| KeeperStanding {
            backend,
            locked,
            secrets,
            grants,
            providers_refused,
            journal_broken,
        })
}

fn transport() -> impl Strategy<Value = Transport> {
    (
        provider(),
        select(vec![Scheme::Http, Scheme::Https]),
        host(),
        any::<u16>(),
        any::<bool>(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(
            |(provider, scheme, host, port, allow_private, connect_timeout_ms, idle_timeout_ms)| Transport {
                provider,
                scheme,
                host,
                port,
                allow_private,
                connect_timeout_ms,
                idle_timeout_ms,
            },
        )
}

pub(crate) fn hello() -> impl Strategy<Value = Hello> {
    (any::<u16>(), select(vec![LaneKind::Control, LaneKind::Lease, LaneKind::Cli]))
        .prop_map(|(version, lane)| Hello { version, lane })
}

pub(crate) fn lease_request() -> impl Strategy<Value = LeaseRequest> {
    let caller = prop_oneof![
        Just(Caller::Tcp),
        (any::<u32>(), any::<u32>()).prop_map(|(uid, pid)| Caller::Unix { uid, pid }),
    ];
    let open = (any::<u64>(), caller, provider(), method(), any::<String>(), of(handle()), of(any::<u64>()))
        .prop_map(|(seq, caller, provider, method, path, secret, retry_of)| LeaseRequest::Open {
            seq,
            caller,
            provider,
            method,
            path,
            secret,
            retry_of,
        });
    let close =
        (any::<u64>(), select(Outcome::ALL), of(any::<u16>()), any::<u64>(), any::<u64>(), any::<u64>())
            .prop_map(|(seq, outcome, status, bytes_in, bytes_out, ms)| LeaseRequest::Close {
                seq,
                outcome,
                status,
                bytes_in,
                bytes_out,
                ms,
            });
    prop_oneof![open, close]
}

pub(crate) fn lease_answer() -> impl Strategy<Value = LeaseAnswer> {
    let inject = ("[a-z-]{1,20}", "[A-Za-z ]{0,10}").prop_map(|(header, prefix)| Inject { header, prefix });
    let opened = (
        any::<u64>(),
        any::<u64>(),
        select(vec![Scheme::Http, Scheme::Https]),
        host(),
        any::<u16>(),
        any::<String>(),
        inject,
        any::<u64>(),
    )
        .prop_map(|(seq, lease, scheme, host, port, path, inject, ttl_ms)| LeaseAnswer::Opened {
            seq,
            lease: LeaseId(lease),
            scheme,
            host,
            port,
            path,
            inject,
            ttl_ms,
        });
    let refused = (any::<u64>(), select(Refusal::ALL), of(any::<u64>().prop_map(RecordSeq)))
        .prop_map(|(seq, refusal, record)| LeaseAnswer::Refused { seq, refusal, record });
    prop_oneof![opened, refused, any::<bool>().prop_map(|locked| LeaseAnswer::State { locked })]
}

pub(crate) fn cli_request() -> impl Strategy<Value = CliRequest> {
    prop_oneof![
        of(select(Backend::ALL)).prop_map(|backend| CliRequest::Init { backend }),
        Just(CliRequest::Unlock),
        Just(CliRequest::Lock),
        (handle(), provider(), select(Kind::ALL)).prop_map(|(handle, provider, kind)| CliRequest::Add {
            handle,
            provider,
            kind
        }),
        handle().prop_map(|handle| CliRequest::Rotate { handle }),
        handle().prop_map(|handle| CliRequest::Remove { handle }),
        of(handle()).prop_map(|after| CliRequest::List { after }),
        handle().prop_map(|handle| CliRequest::Inspect { handle }),
        any::<u32>().prop_map(|after| CliRequest::Journal { after }),
        Just(CliRequest::VerifyFiles),
        Just(CliRequest::Status),
        Just(CliRequest::BrokerStop),
    ]
}

pub(crate) fn cli_answer() -> impl Strategy<Value = CliAnswer> {
    let item = (any::<String>(), any::<bool>()).prop_map(|(path, existed)| InitItem { path, existed });
    prop_oneof![
        failure().prop_map(CliAnswer::Failed),
        (select(Backend::ALL), vec(item, 0..4))
            .prop_map(|(backend, items)| CliAnswer::Initialized { backend, items }),
        Just(CliAnswer::Unlocked),
        Just(CliAnswer::Locked),
        secret().prop_map(CliAnswer::Deposited),
        Just(CliAnswer::Removed),
        (vec(secret(), 0..4), any::<bool>()).prop_map(|(secrets, more)| CliAnswer::Listed { secrets, more }),
        secret().prop_map(CliAnswer::Inspected),
        (vec(any::<u32>(), 0..9), any::<bool>())
            .prop_map(|(segments, more)| CliAnswer::Journal { segments, more }),
        Just(CliAnswer::VerifyFiles),
        (of(launcher()), keeper()).prop_map(|(launcher, keeper)| CliAnswer::Status { launcher, keeper }),
        Just(CliAnswer::Stopping),
    ]
}

pub(crate) fn control_order() -> impl Strategy<Value = ControlOrder> {
    let cost = (any::<u32>(), any::<u32>()).prop_map(|(memory_kib, passes)| KdfCost { memory_kib, passes });
    let keeper =
        (
            select(vec![Role::Broker, Role::Private, Role::Verify]),
            any::<String>(),
            of(select(Backend::ALL)),
            cost,
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            select(LogLevel::ALL),
        )
            .prop_map(|(role, home, backend, kdf, tokenless, create, passphrase_follows, log)| {
                StartKeeper { role, home, backend, kdf, tokenless, create, passphrase_follows, log }
            });
    let listeners = vec(select(vec![ListenerKind::Tcp, ListenerKind::Unix]), 0..4);
    let egress = (any::<u32>(), any::<u16>(), listeners, any::<u32>(), select(LogLevel::ALL)).prop_map(
        |(generation, lanes, listeners, transports, log)| StartEgress {
            generation,
            lanes,
            listeners,
            transports,
            log,
        },
    );
    prop_oneof![
        keeper.prop_map(ControlOrder::StartKeeper),
        Just(ControlOrder::Unlock),
        (any::<u32>(), any::<u16>())
            .prop_map(|(generation, lanes)| ControlOrder::NewEgress { generation, lanes }),
        Just(ControlOrder::VerifyFiles),
        any::<u16>().prop_map(|count| ControlOrder::VerifySegments { count }),
        Just(ControlOrder::Verify),
        launcher().prop_map(ControlOrder::Standing),
        transport().prop_map(ControlOrder::Transport),
        (provider(), vec(any::<u8>(), 0..600))
            .prop_map(|(provider, der)| ControlOrder::Anchor { provider, der }),
        egress.prop_map(ControlOrder::StartEgress),
        Just(ControlOrder::Drain),
        Just(ControlOrder::Stop),
    ]
}

pub(crate) fn control_report() -> impl Strategy<Value = ControlReport> {
    let whole = (any::<u64>(), any::<u64>(), any::<String>(), any::<u64>(), any::<bool>()).prop_map(
        |(records, last, link, plain, torn_tail)| Verdict::Whole {
            records,
            last: RecordSeq(last),
            link,
            plain,
            torn_tail,
        },
    );
    let damaged = (any::<u64>(), any::<u32>(), any::<String>())
        .prop_map(|(at, segment, what)| Verdict::Damaged { at: RecordSeq(at), segment, what });
    prop_oneof![
        vec(select(Layer::ALL), 0..4).prop_map(|layers| ControlReport::Confined { layers }),
        transport().prop_map(ControlReport::Transport),
        (provider(), vec(any::<u8>(), 0..600))
            .prop_map(|(provider, der)| ControlReport::Anchor { provider, der }),
        Just(ControlReport::TransportsEnd),
        any::<bool>().prop_map(|locked| ControlReport::Ready { locked }),
        Just(ControlReport::Unlocked),
        failure().prop_map(ControlReport::UnlockFailed),
        prop_oneof![whole, damaged].prop_map(ControlReport::Verified),
        failure().prop_map(ControlReport::VerifyFailed),
        Just(ControlReport::Wish(Wish::Stop)),
        (select(LogLevel::ALL), any::<String>()).prop_map(|(level, text)| ControlReport::Log { level, text }),
        of(failure()).prop_map(|failure| ControlReport::Stopped { failure }),
    ]
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let chained = prop_oneof![Just(Chained::Plain), any::<u64>().prop_map(|step| Chained::Keyed { step })];
    let start = (any::<u64>(), time(), chained, select(Event::ALL));
    let names = (
        of(handle()),
        of(any::<u32>()),
        of(consumer()),
        of(purpose()),
        of(select(Delivery::ALL)),
        of(host()),
        of(route()),
    );
    let numbers = (of(any::<u64>()), of(any::<u32>()), of(any::<u32>()), of(any::<u16>()));
    let ends = (
        of(select(Outcome::ALL)),
        of(select(Reason::ALL)),
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
    );
    (start, names, numbers, ends).prop_map(
        |(
            (seq, time, chained, event),
            (secret, version, consumer, purpose, delivery, host, route),
            (lease, uid, pid, status),
            (outcome, reason, bytes_in, bytes_out, ms),
        )| Record {
            seq: RecordSeq(seq),
            time,
            chained,
            event,
            secret,
            version,
            consumer,
            purpose,
            delivery,
            host,
            route,
            lease: lease.map(LeaseId),
            uid,
            pid,
            outcome,
            reason,
            status,
            bytes_in,
            bytes_out,
            ms,
        },
    )
}
