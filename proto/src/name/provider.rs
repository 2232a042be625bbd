//! Which provider a secret belongs to and a request goes to.

use std::sync::Arc;

use super::text::{NameError, is_word, textual};

/// A provider's id, as in `/proxy/{provider}/…`: `[a-z0-9][a-z0-9_-]{0,31}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// Parses a provider id.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_word(text, 32, b"_-") {
            return Ok(Self(text.into()));
        }
        Err(NameError {
            what: "provider",
            rule: "it is 1 to 32 of a-z 0-9 _ - starting with a letter or digit, as in openai",
        })
    }

    /// The provider of secrets that never go through the gateway.
    #[must_use]
    pub fn generic() -> Self {
        Self("generic".into())
    }

    /// Whether this is [`ProviderId::generic`].
    #[must_use]
    pub fn is_generic(&self) -> bool {
        self.as_str() == "generic"
    }
}

textual!(ProviderId, "");
