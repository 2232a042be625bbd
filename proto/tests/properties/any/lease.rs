//! Any Hello, and any message of the lease lane.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::control_lane::Scheme;
use proto::hello::{Hello, LaneKind};
use proto::journal::Outcome;
use proto::lease_lane::{Caller, Ending, Inject, LeaseAnswer, LeaseRequest};
use proto::meta::{LeaseId, RecordSeq};
use proto::refusal::Refusal;

use super::names::{handle, host, method, provider};

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
        (
            any::<u64>(),
            select(Outcome::ALL),
            of(any::<u16>()),
            any::<u64>(),
            any::<u64>(),
            any::<u64>(),
            any::<bool>(),
        )
            .prop_map(|(seq, outcome, status, bytes_in, bytes_out, ms, echoed)| {
                LeaseRequest::Close { seq, outcome, status, bytes_in, bytes_out, ms, echoed }
            });
    let probe = any::<u64>().prop_map(|seq| LeaseRequest::Probe { seq });
    prop_oneof![open, close, probe]
}

pub(crate) fn lease_answer() -> impl Strategy<Value = LeaseAnswer> {
    let inject = prop_oneof![
        ("[a-z-]{1,20}", "[A-Za-z ]{0,10}").prop_map(|(name, prefix)| Inject::Header { name, prefix }),
        "[a-z._-]{1,20}".prop_map(|name| Inject::Query { name }),
        Just(Inject::Nothing),
    ];
    let opened = (
        any::<u64>(),
        any::<u64>(),
        select(vec![Scheme::Http, Scheme::Https]),
        host(),
        any::<u16>(),
        any::<String>(),
        inject,
        select(vec![Ending::Soon, Ending::AtOnce]),
        any::<u64>(),
    )
        .prop_map(|(seq, lease, scheme, host, port, path, inject, ending, ttl_ms)| LeaseAnswer::Opened {
            seq,
            lease: LeaseId(lease),
            scheme,
            host,
            port,
            path,
            inject,
            ending,
            ttl_ms,
        });
    let record = of(any::<u64>().prop_map(RecordSeq));
    let refused = (any::<u64>(), select(Refusal::ALL), record, of(any::<u32>())).prop_map(
        |(seq, refusal, record, retry_secs)| LeaseAnswer::Refused { seq, refusal, record, retry_secs },
    );
    let cut = any::<u64>().prop_map(|lease| LeaseAnswer::Cut { lease: LeaseId(lease) });
    let waiting = any::<(u64, u64)>().prop_map(|(seq, at_most_ms)| LeaseAnswer::Waiting { seq, at_most_ms });
    let probed = any::<u64>().prop_map(|seq| LeaseAnswer::Probed { seq });
    prop_oneof![
        opened,
        refused,
        waiting,
        probed,
        cut,
        any::<bool>().prop_map(|locked| LeaseAnswer::State { locked })
    ]
}
