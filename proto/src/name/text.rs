//! What the textual names share: one error type, and the serde impls that parse on decode.

use std::fmt;

/// A text that is not the name it was given as. Holds no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError {
    /// What was expected, as a noun: `handle`, `consumer`, …
    pub what: &'static str,
    /// The rule it must follow.
    pub rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a valid {}: {}", self.what, self.rule)
    }
}

impl std::error::Error for NameError {}

/// `[a-z0-9]` first, then up to `max - 1` of `[a-z0-9]` or one of `more`.
pub(super) fn is_word(text: &str, max: usize, more: &[u8]) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= max
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || more.contains(&b))
}

/// Implements `Serialize`, `Deserialize` (through `parse`), `FromStr`, `as_str` and `Display`
/// (with an optional prefix) for a newtype over `Arc<str>`: a name is copied with every ask and record.
macro_rules! textual {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// The bare text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::name::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if $prefix.is_empty() { f.pad(&self.0) } else { f.pad(&[$prefix, &*self.0].concat()) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if $prefix.is_empty() {
                    to.serialize_str(&self.0)
                } else {
                    to.serialize_str(&[$prefix, &*self.0].concat())
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a text")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }

                from.deserialize_str(Text)
            }
        }
    };
}

pub(crate) use textual;
