//! HTTP methods, as routes name them.

use std::sync::Arc;

use super::text::{NameError, textual};

/// An HTTP method: 1 to 16 upper-case letters (a subset of RFC 9110 section 9.1's token).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(Arc<str>);

impl Method {
    /// Parses a method.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Self(text.into()));
        }
        Err(NameError { what: "method", rule: "it is 1 to 16 upper-case letters, as in POST" })
    }
}

textual!(Method, "");
