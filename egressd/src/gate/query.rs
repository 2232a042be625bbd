//! `?key=`: where some SDKs put their key. Found, and cut out, as is a pair of the name a value
//! will have; every other byte of a query stays.

use super::path::hex;

/// The first `key` that is not empty.
pub(crate) fn key(query: &str) -> Option<&str> {
    query
        .split('&')
        .filter(|pair| is_named(pair, b"key"))
        .filter_map(|pair| pair.split_once('='))
        .map(|(_, value)| value)
        .find(|value| !value.is_empty())
}

/// The query without any `key`, and without any pair of the other name; `None` if nothing is left.
pub(crate) fn without_key(query: &str, other: Option<&str>) -> Option<String> {
    let is_cut =
        |pair: &str| is_named(pair, b"key") || other.is_some_and(|name| is_named(pair, name.as_bytes()));
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
    fn only_key_is_cut_out_and_the_rest_keeps_its_bytes_and_order() {
        for (query, left) in [
            ("key=abc", None),
            ("alt=sse&key=abc", Some("alt=sse")),
            ("b=2&key=x&a=%31&&key&k%65y=1&Key=3&akey=4", Some("b=2&a=%31&&Key=3&akey=4")),
            ("a", Some("a")),
            ("", Some("")),
            ("%6B%65%79=1", None),
        ] {
            assert_eq!(without_key(query, None).as_deref(), left, "{query}");
        }
        assert_eq!(
            without_key("a=1&t%6Fken=x&token&tokens=2&key=3", Some("token")).as_deref(),
            Some("a=1&tokens=2")
        );
        assert_eq!(key("a=1&key=&key=t"), Some("t"));
        assert_eq!(key("a=1"), None);
    }
}
