//! Any record of the journal.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::journal::{Chained, Event, Outcome, Reason, Record};
use proto::meta::{LeaseId, RecordSeq};
use proto::name::Delivery;

use super::names::{consumer, handle, host, purpose, route, time};

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
    let numbers = (of(any::<u64>()), of(any::<u32>()), of(any::<u32>()), of(any::<u16>()), of(any::<u64>()));
    let ends = (
        of(select(Outcome::ALL)),
        of(select(Reason::ALL)),
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u64>()),
    );
    (start, names, numbers, ends).prop_map(
        |(
            (seq, time, chained, event),
            (secret, version, consumer, purpose, delivery, host, route),
            (lease, uid, pid, status, retry_of),
            (outcome, reason, bytes_in, bytes_out, ms, count),
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
            count,
            // One before it, where there is one.
            retry_of: retry_of.filter(|_| seq > 1).map(|any: u64| RecordSeq(1 + any % (seq - 1))),
        },
    )
}
