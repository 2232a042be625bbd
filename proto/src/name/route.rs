//! The name of a route, as the journal writes it.

use std::sync::Arc;

use super::text::{NameError, textual};

/// A route as it stands in keeperd's table: provider, method and path pattern. Never the path
/// that was asked for, which a client may have put anything into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName(Arc<str>);

impl RouteName {
    /// Parses a route's name: 1 to 256 printable ASCII characters.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if (1..=256).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Ok(Self(text.into()));
        }
        Err(NameError { what: "route", rule: "it is at most 256 printable ASCII characters" })
    }
}

textual!(RouteName, "");
