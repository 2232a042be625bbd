//! Any message of the control lane.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::clients::ClientRules;
use proto::control_lane::{
    Account, ControlOrder, ControlReport, KdfCost, Keep, KnownPeer, ListenerKind, LogLevel, Role,
    StartEgress, StartKeeper, System, Wish,
};
use proto::journal::{Noted, Verdict};
use proto::meta::RecordSeq;
use proto::name::Backend;
use proto::standing::Strictness;

use super::names::{consumer, provider};
use super::standings::{confinement, failure, launcher, transport};

pub(crate) fn control_order() -> impl Strategy<Value = ControlOrder> {
    let cost = (any::<u32>(), any::<u32>()).prop_map(|(memory_kib, passes)| KdfCost { memory_kib, passes });
    let keeper = (
        select(vec![Role::Broker, Role::Private, Role::Verify]),
        any::<String>(),
        of(select(Backend::ALL)),
        cost,
        (any::<bool>(), any::<bool>(), any::<bool>()),
        (select(Strictness::ALL), of(system())),
        (keep(), select(LogLevel::ALL)),
    )
        .prop_map(
            |(
                role,
                home,
                backend,
                kdf,
                (tokenless, create, passphrase_follows),
                (strictness, system),
                (keep, log),
            )| {
                StartKeeper {
                    role,
                    home,
                    backend,
                    kdf,
                    tokenless,
                    create,
                    passphrase_follows,
                    strictness,
                    system,
                    keep,
                    log,
                }
            },
        );
    let listeners = vec(select(vec![ListenerKind::Tcp, ListenerKind::Unix]), 0..4);
    let ways = (select(Strictness::ALL), select(LogLevel::ALL));
    let egress = (any::<u32>(), any::<u16>(), listeners, any::<u32>(), (ways, of(account()), clients()))
        .prop_map(|(generation, lanes, listeners, transports, ((strictness, log), account, clients))| {
            StartEgress { generation, lanes, listeners, transports, strictness, account, clients, log }
        });
    prop_oneof![
        keeper.prop_map(ControlOrder::StartKeeper),
        Just(ControlOrder::Unlock),
        (any::<u32>(), any::<u16>())
            .prop_map(|(generation, lanes)| ControlOrder::NewEgress { generation, lanes }),
        Just(ControlOrder::NewReader),
        Just(ControlOrder::VerifyFiles),
        any::<u16>().prop_map(|count| ControlOrder::VerifySegments { count }),
        of(noted()).prop_map(|noted| ControlOrder::Verify { noted }),
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
    let whole = ((any::<u64>(), any::<u64>()), any::<u64>(), any::<String>(), any::<u64>(), any::<bool>())
        .prop_map(|((records, cut), last, link, plain, torn_tail)| Verdict::Whole {
            records,
            cut,
            last: RecordSeq(last),
            link,
            plain,
            torn_tail,
        });
    let damaged = (any::<u64>(), any::<u32>(), any::<String>())
        .prop_map(|(at, segment, what)| Verdict::Damaged { at: RecordSeq(at), segment, what });
    prop_oneof![
        confinement().prop_map(ControlReport::Confined),
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

fn clients() -> impl Strategy<Value = ClientRules> {
    (any::<[u32; 5]>(), vec("[a-z]{1,8}://[a-z.]{1,20}", 0..3)).prop_map(
        |([connections, of_one_user, idle_secs, head_secs, stall_secs], origins)| ClientRules {
            connections,
            of_one_user,
            idle_secs,
            head_secs,
            stall_secs,
            origins,
        },
    )
}

fn keep() -> impl Strategy<Value = Keep> {
    (of(any::<u64>()), of(any::<u32>())).prop_map(|(max_bytes, days)| Keep { max_bytes, days })
}

fn noted() -> impl Strategy<Value = Noted> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(seq, link)| Noted { seq: RecordSeq(seq), link })
}

fn account() -> impl Strategy<Value = Account> {
    (any::<u32>(), any::<u32>()).prop_map(|(uid, gid)| Account { uid, gid })
}

fn system() -> impl Strategy<Value = System> {
    let peer = (any::<u32>(), consumer()).prop_map(|(uid, consumer)| KnownPeer { uid, consumer });
    (account(), vec(peer, 0..4)).prop_map(|(account, peers)| System { account, peers })
}
