//! Names: what parses is shown as it was typed, what does not is refused by a text that does not
//! repeat it.

use std::fmt::{Debug, Display};

use proptest::prelude::*;
use proto::meta::{Fingerprint, LeaseId};
use proto::name::{
    Backend, Consumer, Delivery, Handle, Host, Kind, Method, NameError, ProviderId, Purpose, RouteName,
    TokenId,
};

use crate::any;

fn survives<T: Display + Debug + PartialEq>(name: &T, parse: fn(&str) -> Result<T, NameError>) {
    assert_eq!(parse(&name.to_string()).as_ref(), Ok(name));
}

/// Whether the text was refused, and by an error without any piece of it.
fn judged<T>(text: &str, outcome: Result<T, NameError>) -> bool {
    let Err(error) = outcome else { return false };
    let shown = format!("{error} {error:?}");
    assert!(text.chars().count() < 9 || !shown.contains(text), "an error repeats what was typed");
    true
}

fn judge_all(text: &str) {
    judged(text, Handle::parse(text));
    judged(text, Handle::parse_in_file(text));
    judged(text, Consumer::parse(text));
    judged(text, ProviderId::parse(text));
    judged(text, Purpose::parse(text));
    judged(text, Method::parse(text));
    judged(text, RouteName::parse(text));
    judged(text, Host::parse(text));
    judged(text, Fingerprint::parse(text));
    judged(text, TokenId::parse(text));
    judged(text, LeaseId::parse(text));
    judged(text, Delivery::parse(text));
    judged(text, Kind::parse(text));
    judged(text, Backend::parse(text));
}

proptest! {
    #[test]
    fn a_name_is_read_back_as_it_is_shown(
        handle in any::handle(), consumer in any::consumer(), provider in any::provider(),
        purpose in any::purpose(), method in any::method(), route in any::route(), host in any::host(),
        token in any::token_id(), lease in any::<u64>().prop_map(LeaseId),
    ) {
        survives(&handle, Handle::parse);
        survives(&handle, Handle::parse_in_file);
        survives(&consumer, Consumer::parse);
        survives(&provider, ProviderId::parse);
        survives(&purpose, Purpose::parse);
        survives(&method, Method::parse);
        survives(&route, RouteName::parse);
        survives(&host, Host::parse);
        survives(&token, TokenId::parse);
        survives(&lease, LeaseId::parse);
    }

    #[test]
    fn any_text_is_judged_without_a_panic_and_without_being_repeated(text in any::<String>()) {
        judge_all(&text);
    }

    #[test]
    fn a_key_typed_in_the_place_of_a_name_is_not_repeated(text in "sk-[A-Za-z0-9_]{40,60}[A-Z!]") {
        judge_all(&text);
        prop_assert!(judged(&text, Handle::parse(&text)));
    }

    #[test]
    fn what_parses_follows_its_rule(text in "[@A-Za-z0-9_.:/ -]{0,70}") {
        if let Ok(handle) = Handle::parse(&text) {
            prop_assert!(text.strip_prefix('@').is_some_and(|bare| bare.len() <= 64 && bare == handle.as_str()));
            prop_assert!(text[1..].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b)));
            prop_assert!(text.as_bytes()[1].is_ascii_alphanumeric());
        }
        if let Ok(host) = Host::parse(&text) {
            prop_assert!(host.as_str().bytes().all(|b| !b.is_ascii_uppercase() && !b"@/ ".contains(&b)));
            prop_assert!(host.address().is_some() || !host.as_str().contains(':'));
        }
    }
}

#[test]
fn names_at_their_limits() {
    let long = |n: usize| "a".repeat(n);
    assert!(Handle::parse(&format!("@{}", long(64))).is_ok());
    assert!(Handle::parse(&format!("@{}", long(65))).is_err());
    assert!(Consumer::parse(&long(64)).is_ok() && Consumer::parse(&long(65)).is_err());
    assert!(ProviderId::parse(&long(32)).is_ok() && ProviderId::parse(&long(33)).is_err());
    assert!(RouteName::parse(&long(256)).is_ok() && RouteName::parse(&long(257)).is_err());
    assert!(Host::parse(&[long(63), long(63), long(63), long(61)].join(".")).is_ok());
    assert!(Host::parse(&[long(63), long(63), long(63), long(62)].join(".")).is_err());
    assert!(Host::parse(&long(64)).is_err());
}

#[test]
fn malformed_handles_are_refused() {
    for text in ["", "@", "openai", "@@a", "@A", "@a b", "@-a", "@.a", "@a/b", "@a\n", "@ä", " @a", "@a\0"] {
        assert!(Handle::parse(text).is_err(), "{text:?} is not a handle");
    }
}

#[test]
fn addresses_that_only_look_like_names_are_refused() {
    for text in ["", ".", "a..b", "-a.b", "a-.b", "1.2.3", "1.2.3.4.5", "a:443", "https://a", "a/b", "[::1]"]
    {
        assert!(Host::parse(text).is_err(), "{text:?} is not a host");
    }
    assert_eq!(Host::parse("API.OpenAI.com").unwrap().as_str(), "api.openai.com");
    assert_eq!(Host::parse("0:0::1").unwrap().as_str(), "::1");
}
