//! What a value may be used for: whether it is stored at all, and may stand in an HTTP header, both
//! found once, when it is deposited; and whether it may stand in a query, found at each release.

#![expect(clippy::disallowed_methods, reason = "INV-02: each byte of the value is looked at")]

use proto::hazmat::SecretBytes;
use serde::{Deserialize, Serialize};

/// What a value's own look says of the requests it may go into: kept beside it in the catalog, so that
/// the host is known before the value is opened. Says no more of the value than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Injectable {
    // The order is the catalog's format: the first two stand where `false` and `true` once stood.
    /// It may stand in no header.
    No,
    /// It may.
    Yes,
    /// It may, and begins with `al-`: providers that have such keys take them at another host.
    YesMarked,
}

impl Injectable {
    /// Whether it may stand in a header.
    pub(crate) fn may_be(self) -> bool {
        match self {
            Self::No => false,
            Self::Yes | Self::YesMarked => true,
        }
    }

    /// Whether it is marked for a provider's other host.
    pub(crate) fn is_marked(self) -> bool {
        match self {
            Self::No | Self::Yes => false,
            Self::YesMarked => true,
        }
    }
}

/// Whether a value may be stored at all: not empty and without a NUL, which no environment variable
/// could hold.
#[must_use]
pub(crate) fn is_storable(value: &SecretBytes) -> bool {
    !value.is_empty() && !value.expose().contains(&0)
}

/// 16 to 8192 bytes, each 0x21 to 0x7E: no byte that could end a header line or be trimmed off it,
/// and long enough that its placeholder cannot be met by chance.
#[must_use]
pub(crate) fn injectable(value: &SecretBytes) -> Injectable {
    if !(16..=8192).contains(&value.len()) || !value.expose().iter().all(u8::is_ascii_graphic) {
        return Injectable::No;
    }
    if value.expose().starts_with(b"al-") { Injectable::YesMarked } else { Injectable::Yes }
}

/// Whether an injectable value means itself in a query (RFC 3986 section 3.4): letters, digits and
/// marks that no server takes a query apart by. Escapes would make it another text on the wire,
/// longer than its placeholder, that no scrub finds.
#[must_use]
pub(crate) fn is_queryable(value: &SecretBytes) -> bool {
    const MARKS: &[u8] = b"-._~!$'()*,:@/?";
    value.expose().iter().all(|byte| byte.is_ascii_alphanumeric() || MARKS.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(bytes: &[u8]) -> bool {
        let mut value = SecretBytes::zeroed(bytes.len()).unwrap();
        value.expose_mut().copy_from_slice(bytes);
        injectable(&value).may_be()
    }

    #[test]
    fn what_would_end_a_pair_or_be_undone_is_for_no_query() {
        for byte in 0..=255_u8 {
            let mut value = SecretBytes::zeroed(20).unwrap();
            value.expose_mut().fill(b'a');
            value.expose_mut()[19] = byte;
            let breaks = b"\"#%&+;<=>[\\]^`{|}".contains(&byte);
            assert_eq!(is_queryable(&value), (0x21..=0x7E).contains(&byte) && !breaks, "{byte}");
        }
    }

    #[test]
    fn length_and_every_byte_decide() {
        assert!(judge(&[b'a'; 16]) && judge(&[b'a'; 8192]));
        assert!(!judge(&[b'a'; 15]) && !judge(&[b'a'; 8193]));
        for byte in 0..=255 {
            let mut value = [b'a'; 20];
            value[19] = byte;
            assert_eq!(judge(&value), (0x21..=0x7E).contains(&byte), "{byte}");
        }
    }
}
