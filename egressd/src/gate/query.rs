//! `?key=`: where some SDKs put their key. Found, and cut out, as is every pair that holds a credential
//! or has the name a value will have; every other byte of a query stays.

use super::path::hex;

/// Names of pairs that hold a credential wherever they stand, and never go on.
const CREDENTIALS: [&str; 6] = ["key", "access_token", "api_key", "api-key", "apikey", "auth_token"];

/// The first `key` that is not empty, or pair of that name.
pub(crate) fn token<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter(|pair| is_named(pair, name.as_bytes()))
        .filter_map(|pair| pair.split_once('='))
        .map(|(_, value)| value)
        .find(|value| !value.is_empty())
}

/// The query without any pair that holds a credential, and without any of those names; `None` if
/// nothing is left.
pub(crate) fn without_credentials<'a>(
    query: &str,
    more: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let is_cut =
        |pair: &str| CREDENTIALS.into_iter().chain(more.clone()).any(|name| is_named(pair, name.as_bytes()));
    let kept: Vec<_> = query.split('&').filter(|pair| !is_cut(pair)).collect();
    if kept.is_empty() { None } else { Some(kept.join("&")) }
}

/// Whether a provider would read the pair's name as that one, percent escapes undone.
fn is_named(pair: &str, wanted: &[u8]) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let mut bytes = name.bytes();
    let mut decoded = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    decoded == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_cut_out_and_the_rest_keeps_its_bytes_and_order() {
        for (query, left) in [
            ("key=abc", None),
            ("alt=sse&key=abc", Some("alt=sse")),
            ("b=2&key=x&a=%31&&key&k%65y=1&Key=3&akey=4", Some("b=2&a=%31&&Key=3&akey=4")),
            ("a", Some("a")),
            ("", Some("")),
            ("%6B%65%79=1", None),
            ("api_key=1&access_token=2&alt=sse&apikey=3&api-key=4", Some("alt=sse")),
        ] {
            let left_of = without_credentials(query, std::iter::empty());
            assert_eq!(left_of.as_deref(), left, "{query}");
        }
        let more = ["token", "t2"].into_iter();
        assert_eq!(
            without_credentials("a=1&t%6Fken=x&token&tokens=2&key=3&t2=4", more).as_deref(),
            Some("a=1&tokens=2")
        );
        assert_eq!(token("a=1&key=&key=t", "key"), Some("t"));
        assert_eq!(token("a=1", "key"), None);
    }
}
