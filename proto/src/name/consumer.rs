//! Who asks.

use std::sync::Arc;

use super::text::{NameError, is_word, textual};

/// Who asks for a lease: `ugent-core`, `cli`, `plugin:<id>`, or a name a token was issued to.
/// `[a-z0-9][a-z0-9_.:-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consumer(Arc<str>);

impl Consumer {
    /// Parses a consumer.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_word(text, 64, b"_.:-") {
            return Ok(Self(text.into()));
        }
        Err(NameError {
            what: "consumer",
            rule: "it is 1 to 64 of a-z 0-9 _ . : - starting with a letter or digit, as in ugent-core",
        })
    }

    /// The consumer of the bootstrap token and of the Unix socket.
    #[must_use]
    pub fn ugent_core() -> Self {
        Self("ugent-core".into())
    }

    /// The consumer of a command that shows no token.
    #[must_use]
    pub fn cli() -> Self {
        Self("cli".into())
    }
}

textual!(Consumer, "");
