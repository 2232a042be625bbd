//! The closed sets: delivery, kind, backend.

/// Implements `as_str`, `parse`, `FromStr` and `Display` for an enum of fixed words.
macro_rules! words {
    ($name:ident, $what:literal, $rule:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// All of them, in the order they are documented.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word users read and type.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Parses the word.
            ///
            /// # Errors
            /// [`NameError`]($crate::name::NameError) when it is none of them.
            pub fn parse(text: &str) -> Result<Self, $crate::name::NameError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::name::NameError { what: $what, rule: $rule }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::name::NameError;

            fn from_str(text: &str) -> Result<Self, $crate::name::NameError> {
                Self::parse(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// How a value leaves keeperd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// To a program that asked keeperd.
    Native,
    /// To egressd, which puts it into one request head.
    HttpHeaderInject,
    /// Into the environment of one child.
    EnvInject,
}

words!(Delivery, "delivery", "it is native, http_header_inject or env_inject", {
    Native => "native",
    HttpHeaderInject => "http_header_inject",
    EnvInject => "env_inject",
});

/// What sort of value a secret holds. Only shown, never decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A provider's API key.
    ApiKey,
    /// A bearer or refresh token.
    Token,
    /// A password.
    Password,
    /// Anything else.
    Other,
}

words!(Kind, "kind", "it is api_key, token, password or other", {
    ApiKey => "api_key",
    Token => "token",
    Password => "password",
    Other => "other",
});

/// Where values rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// The operating system's keychain.
    Keychain,
    /// An encrypted directory below `secrets/`, opened by a passphrase.
    FileVault,
}

words!(Backend, "backend", "it is keychain or file-vault", {
    Keychain => "keychain",
    FileVault => "file-vault",
});

pub(crate) use words;
