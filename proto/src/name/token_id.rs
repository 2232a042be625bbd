//! How a broker token is spoken of without showing it.

use std::sync::Arc;

use super::text::{NameError, textual};

/// Eight lower-case hex characters of a token's digest: they lead back to no token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Arc<str>);

impl TokenId {
    /// The id of the token with that digest.
    #[must_use]
    pub fn of(digest: &[u8; 32]) -> Self {
        let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self(hex.into())
    }

    /// Parses an id.
    ///
    /// # Errors
    /// [`NameError`] when it is not one; a token itself is none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.into()));
        }
        Err(NameError {
            what: "token id",
            rule: "it is eight lower-case hex characters, as shown by token list",
        })
    }
}

textual!(TokenId, "");
