//! Any message of the cli lane.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::cli_lane::{CliAnswer, CliRequest, InFlight, InitItem, Leases, Likeness, OrphanFix};
use proto::journal::Reason;
use proto::loan::{Borrow, NotLent};
use proto::meta::LeaseId;
use proto::name::{Backend, Delivery, Kind};
use proto::policy::PolicyFile;

use super::names::{consumer, handle, provider, purpose, time, token_id};
use super::policies::{explanation, grant, question, route, verdict};
use super::standings::{approval, failure, keeper, launcher, lease, secret, token};

pub(crate) fn cli_request() -> impl Strategy<Value = CliRequest> {
    prop_oneof![
        of(select(Backend::ALL)).prop_map(|backend| CliRequest::Init { backend }),
        Just(CliRequest::Unlock),
        Just(CliRequest::Lock),
        Just(CliRequest::CheckPassphrase),
        Just(CliRequest::Rekey),
        select(Backend::ALL).prop_map(|to| CliRequest::Migrate { to }),
        (handle(), provider(), select(Kind::ALL), of(time())).prop_map(
            |(handle, provider, kind, expires)| CliRequest::Add { handle, provider, kind, expires }
        ),
        (handle(), of(time()), any::<u64>()).prop_map(|(handle, expires, keep_ms)| CliRequest::Rotate {
            handle,
            expires,
            keep_ms
        }),
        handle().prop_map(|handle| CliRequest::Rollback { handle }),
        handle().prop_map(|handle| CliRequest::Remove { handle }),
        (handle(), provider(), select(Kind::ALL))
            .prop_map(|(handle, provider, kind)| CliRequest::ImportAdd { handle, provider, kind }),
        Just(CliRequest::ImportDone),
        handle().prop_map(|handle| CliRequest::Compare { handle }),
        Just(CliRequest::Backup),
        Just(CliRequest::Restore),
        of(handle()).prop_map(|after| CliRequest::List { after }),
        handle().prop_map(|handle| CliRequest::Inspect { handle }),
        any::<u32>().prop_map(|after| CliRequest::Journal { after }),
        Just(CliRequest::VerifyFiles),
        (consumer(), of(any::<u64>()))
            .prop_map(|(consumer, ttl_ms)| CliRequest::TokenIssue { consumer, ttl_ms }),
        of(token_id()).prop_map(|after| CliRequest::TokenList { after }),
        token_id().prop_map(|id| CliRequest::TokenRevoke { id }),
        any::<u64>().prop_map(|grace_ms| CliRequest::TokenRotate { grace_ms }),
        of(any::<u64>().prop_map(LeaseId)).prop_map(|after| CliRequest::LeaseList { after }),
        (leases(), select(vec![InFlight::GoesOn, InFlight::Cut]))
            .prop_map(|(which, in_flight)| CliRequest::LeaseRevoke { which, in_flight }),
        of(any::<u64>().prop_map(LeaseId)).prop_map(|after| CliRequest::ApprovalList { after }),
        any::<u64>().prop_map(|id| CliRequest::Approve { id: LeaseId(id) }),
        any::<u64>().prop_map(|id| CliRequest::Deny { id: LeaseId(id) }),
        any::<u32>().prop_map(|seen| CliRequest::GrantList { seen }),
        any::<u32>().prop_map(|seen| CliRequest::ProviderList { seen }),
        question().prop_map(CliRequest::Explain),
        Just(CliRequest::CheckPolicy),
        (select(PolicyFile::ALL), any::<String>(), any::<bool>())
            .prop_map(|(file, part, more)| CliRequest::CheckText { file, part, more }),
        borrow().prop_map(CliRequest::Borrow),
        handle().prop_map(|secret| CliRequest::Take { secret }),
        Just(CliRequest::GiveBack),
        Just(CliRequest::Status),
        Just(CliRequest::BrokerStop),
        select(vec![OrphanFix::Look, OrphanFix::Remove]).prop_map(|fix| CliRequest::Orphans { fix }),
    ]
}

fn borrow() -> impl Strategy<Value = Borrow> {
    (of(consumer()), purpose(), select(Delivery::ALL), vec(handle(), 0..4))
        .prop_map(|(consumer, purpose, delivery, secrets)| Borrow { consumer, purpose, delivery, secrets })
}

fn not_lent() -> impl Strategy<Value = NotLent> {
    (handle(), select(Reason::ALL)).prop_map(|(secret, reason)| NotLent { secret, reason })
}

fn leases() -> impl Strategy<Value = Leases> {
    prop_oneof![
        any::<u64>().prop_map(|id| Leases::Id(LeaseId(id))),
        handle().prop_map(Leases::Secret),
        consumer().prop_map(Leases::Consumer),
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
        Just(CliAnswer::PassphraseFits),
        Just(CliAnswer::Rekeyed),
        (any::<u32>(), any::<u32>())
            .prop_map(|(secrets, versions)| CliAnswer::Migrated { secrets, versions }),
        secret().prop_map(CliAnswer::Deposited),
        secret().prop_map(CliAnswer::RolledBack),
        Just(CliAnswer::Removed),
        Just(CliAnswer::ImportNoted),
        any::<u32>().prop_map(|secrets| CliAnswer::Imported { secrets }),
        select(vec![Likeness::Same, Likeness::Different]).prop_map(CliAnswer::Compared),
        (any::<u32>(), any::<u32>())
            .prop_map(|(secrets, versions)| CliAnswer::BackedUp { secrets, versions }),
        (time(), any::<u32>(), any::<u32>()).prop_map(|(made, secrets, versions)| CliAnswer::Restored {
            made,
            secrets,
            versions
        }),
        (vec(secret(), 0..4), any::<bool>()).prop_map(|(secrets, more)| CliAnswer::Listed { secrets, more }),
        secret().prop_map(CliAnswer::Inspected),
        (vec(any::<u32>(), 0..9), any::<bool>())
            .prop_map(|(segments, more)| CliAnswer::Journal { segments, more }),
        Just(CliAnswer::VerifyFiles),
        any::<[u8; 16]>().prop_map(|vault| CliAnswer::VerifyHead { vault }),
        (any::<u32>(), vec(handle(), 0..4)).prop_map(|(count, first)| CliAnswer::Orphans { count, first }),
        token().prop_map(CliAnswer::TokenIssued),
        (vec(token(), 0..4), any::<bool>())
            .prop_map(|(tokens, more)| CliAnswer::TokenListed { tokens, more }),
        token().prop_map(CliAnswer::TokenRevoked),
        token().prop_map(CliAnswer::TokenRotated),
        (vec(lease(), 0..4), any::<bool>())
            .prop_map(|(leases, more)| CliAnswer::LeaseListed { leases, more }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(leases, in_flight)| CliAnswer::LeaseRevoked { leases, in_flight }),
        Just(CliAnswer::PassphraseNeeded),
        (vec(approval(), 0..4), any::<bool>())
            .prop_map(|(approvals, more)| CliAnswer::ApprovalListed { approvals, more }),
        approval().prop_map(CliAnswer::Approved),
        approval().prop_map(CliAnswer::Denied),
        (vec(grant(), 0..4), any::<bool>())
            .prop_map(|(grants, more)| CliAnswer::GrantListed { grants, more }),
        (vec(route(), 0..4), any::<bool>())
            .prop_map(|(routes, more)| CliAnswer::ProviderListed { routes, more }),
        explanation().prop_map(CliAnswer::Explained),
        (verdict(), verdict()).prop_map(|(grants, providers)| CliAnswer::PolicyChecked { grants, providers }),
        Just(CliAnswer::TextNoted),
        verdict().prop_map(CliAnswer::TextChecked),
        vec(any::<u64>().prop_map(LeaseId), 0..4).prop_map(|leases| CliAnswer::Lent { leases }),
        (of(consumer()), vec(not_lent(), 0..4))
            .prop_map(|(consumer, refused)| CliAnswer::NotLent { consumer, refused }),
        (handle(), any::<u32>()).prop_map(|(secret, version)| CliAnswer::Taken { secret, version }),
        Just(CliAnswer::GivenBack),
        (of(launcher()), keeper()).prop_map(|(launcher, keeper)| CliAnswer::Status { launcher, keeper }),
        Just(CliAnswer::Stopping),
    ]
}
