//! `@name`: what a secret is called.

use std::sync::Arc;

use super::text::{NameError, is_word, textual};

/// The name of a secret: `@` then `[a-z0-9][a-z0-9_.-]{0,63}`. Shown and encoded with its `@`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(Arc<str>);

const ERROR: NameError = NameError {
    what: "handle",
    rule: "it is @ and then 1 to 64 of a-z 0-9 _ . - starting with a letter or digit, as in @openai_api_key",
};

impl Handle {
    /// Parses a handle as typed: with its `@`.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::bare(text.strip_prefix('@').ok_or(ERROR)?)
    }

    /// Parses a handle as TOML files may write it: the `@` is optional.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse_in_file(text: &str) -> Result<Self, NameError> {
        Self::bare(text.strip_prefix('@').unwrap_or(text))
    }

    fn bare(text: &str) -> Result<Self, NameError> {
        if is_word(text, 64, b"_.-") { Ok(Self(text.into())) } else { Err(ERROR) }
    }
}

textual!(Handle, "@");
