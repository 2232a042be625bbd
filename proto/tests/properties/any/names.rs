//! Any name.

use std::net::IpAddr;

use proptest::prelude::*;
use proto::meta::{Fingerprint, Timestamp};
use proto::name::{Consumer, Handle, Host, Method, NameError, ProviderId, Purpose, RouteName, TokenId};

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

pub(super) fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    parsed("[0-9a-f]{12}", Fingerprint::parse)
}

pub(crate) fn token_id() -> impl Strategy<Value = TokenId> {
    parsed("[0-9a-f]{8}", TokenId::parse)
}

pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}
