//! Whether the gateway could send a value. keeperd judges the same when it releases one, and by its
//! own rule; here it is found in time to warn. Never shows any of the value.

#![expect(clippy::disallowed_methods, reason = "INV-02: each byte of the value is looked at")]

use proto::hazmat::SecretBytes;

/// Whether a value can stand in an HTTP header, as the gateway demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Injectable {
    /// It can.
    Yes,
    /// Fewer than 16 bytes.
    TooShort,
    /// More than 8192 bytes.
    TooLong,
    /// A byte that is not 0x21 to 0x7E.
    Unprintable,
}

impl Injectable {
    /// Looks at a value.
    pub(crate) fn of(value: &SecretBytes) -> Self {
        match value.len() {
            0..16 => Self::TooShort,
            16..=8192 if value.expose().iter().all(u8::is_ascii_graphic) => Self::Yes,
            16..=8192 => Self::Unprintable,
            8193.. => Self::TooLong,
        }
    }

    /// What is wrong with it, if anything is.
    pub(crate) const fn why_not(self) -> Option<&'static str> {
        match self {
            Self::Yes => None,
            Self::TooShort => Some("it has fewer than 16 bytes"),
            Self::TooLong => Some("it has more than 8192 bytes"),
            Self::Unprintable => {
                Some("it has a space, a line break or another byte that no header value may have")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Injectable {
        let mut value = SecretBytes::zeroed(bytes.len()).unwrap();
        value.expose_mut().copy_from_slice(bytes);
        Injectable::of(&value)
    }

    #[test]
    fn length_and_every_byte_decide() {
        assert_eq!(of(&[b'x'; 15]), Injectable::TooShort);
        assert_eq!(of(&[b'x'; 16]), Injectable::Yes);
        assert_eq!(of(&[b'x'; 8192]), Injectable::Yes);
        assert_eq!(of(&[b'x'; 8193]), Injectable::TooLong);
        for byte in 1..=u8::MAX {
            let mut value = [b'x'; 20];
            value[19] = byte;
            assert_eq!(of(&value) == Injectable::Yes, (0x21..=0x7E).contains(&byte), "{byte}");
        }
    }
}
