//! Any message of the cli lane.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::cli_lane::{CliAnswer, CliRequest, InitItem};
use proto::name::{Backend, Kind};
use proto::policy::PolicyFile;

use super::names::{consumer, handle, provider, token_id};
use super::policies::{explanation, grant, question, verdict};
use super::standings::{failure, keeper, launcher, secret, token};

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
        (consumer(), of(any::<u64>()))
            .prop_map(|(consumer, ttl_ms)| CliRequest::TokenIssue { consumer, ttl_ms }),
        of(token_id()).prop_map(|after| CliRequest::TokenList { after }),
        token_id().prop_map(|id| CliRequest::TokenRevoke { id }),
        any::<u64>().prop_map(|grace_ms| CliRequest::TokenRotate { grace_ms }),
        any::<u32>().prop_map(|seen| CliRequest::GrantList { seen }),
        question().prop_map(CliRequest::Explain),
        Just(CliRequest::CheckPolicy),
        (select(PolicyFile::ALL), any::<String>(), any::<bool>())
            .prop_map(|(file, part, more)| CliRequest::CheckText { file, part, more }),
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
        token().prop_map(CliAnswer::TokenIssued),
        (vec(token(), 0..4), any::<bool>())
            .prop_map(|(tokens, more)| CliAnswer::TokenListed { tokens, more }),
        token().prop_map(CliAnswer::TokenRevoked),
        token().prop_map(CliAnswer::TokenRotated),
        (vec(grant(), 0..4), any::<bool>())
            .prop_map(|(grants, more)| CliAnswer::GrantListed { grants, more }),
        explanation().prop_map(CliAnswer::Explained),
        (verdict(), verdict()).prop_map(|(grants, providers)| CliAnswer::PolicyChecked { grants, providers }),
        Just(CliAnswer::TextNoted),
        verdict().prop_map(CliAnswer::TextChecked),
        (of(launcher()), keeper()).prop_map(|(launcher, keeper)| CliAnswer::Status { launcher, keeper }),
        Just(CliAnswer::Stopping),
    ]
}
