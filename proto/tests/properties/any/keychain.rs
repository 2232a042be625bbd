//! Any message of the keychain lane.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proto::keychain_lane::{Holding, Item, KeychainAnswer, KeychainRequest, Listed, Shown, Trouble};

use super::names::handle;

pub(crate) fn keychain_request() -> impl Strategy<Value = KeychainRequest> {
    prop_oneof![
        Just(KeychainRequest::Probe),
        item().prop_map(KeychainRequest::Get),
        (item(), shown()).prop_map(|(item, shown)| KeychainRequest::Set { item, shown }),
        item().prop_map(KeychainRequest::Delete),
        any::<u32>().prop_map(|seen| KeychainRequest::List { seen }),
        Just(KeychainRequest::Unlock),
    ]
}

pub(crate) fn keychain_answer() -> impl Strategy<Value = KeychainAnswer> {
    let listed = (item(), shown()).prop_map(|(item, shown)| Listed { item, shown });
    prop_oneof![
        Just(KeychainAnswer::Open),
        Just(KeychainAnswer::Got),
        Just(KeychainAnswer::Kept),
        Just(KeychainAnswer::Deleted),
        (vec(listed, 0..4), of(any::<u32>()))
            .prop_map(|(items, more)| KeychainAnswer::Listed { items, more }),
        Just(KeychainAnswer::Unlocked),
        select(Trouble::ALL).prop_map(KeychainAnswer::Failed),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let holding = prop_oneof![
        Just(Holding::DataKey),
        Just(Holding::JournalRoot),
        any::<[u8; 16]>().prop_map(Holding::Deposit),
    ];
    (any::<[u8; 16]>(), holding).prop_map(|(vault, holding)| Item { vault, holding })
}

fn shown() -> impl Strategy<Value = Shown> {
    (any::<String>(), of(handle()), any::<u32>()).prop_map(|(home, handle, version)| Shown {
        home,
        handle,
        version,
    })
}
