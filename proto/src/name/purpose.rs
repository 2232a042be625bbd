//! What a value is asked for.

use std::sync::Arc;

use super::text::{NameError, is_word, textual};

/// A purpose: two or more words joined by dots, at most 64 bytes, as in `llm.chat`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(Arc<str>);

impl Purpose {
    /// Parses a purpose.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let words = text.split('.').count();
        if words >= 2 && text.len() <= 64 && text.split('.').all(|word| is_word(word, 64, b"_-")) {
            return Ok(Self(text.into()));
        }
        Err(NameError {
            what: "purpose",
            rule: "it is two or more words of a-z 0-9 _ - joined by dots, as in llm.chat",
        })
    }
}

textual!(Purpose, "");
