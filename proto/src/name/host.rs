//! Which upstream host a value may be sent to.

use std::net::IpAddr;
use std::sync::Arc;

use super::text::{NameError, textual};

/// A host without scheme and port: a lower-case DNS name (RFC 1123 section 2.1) of at most 253
/// bytes, or an IP address (IPv6 without brackets).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Arc<str>);

impl Host {
    /// Parses a host. Upper case is folded.
    ///
    /// # Errors
    /// [`NameError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_string().into()));
        }
        let folded = text.to_ascii_lowercase();
        let digits_only = folded.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if folded.len() <= 253 && !digits_only && folded.split('.').all(is_label) {
            return Ok(Self(folded.into()));
        }
        Err(NameError {
            what: "host",
            rule: "it is a DNS name or an IP address, without scheme, port or path, as in api.openai.com",
        })
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// Whether it is a name of this machine, wherever it is looked up (RFC 6761 section 6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.as_str() == "localhost" || self.0.ends_with(".localhost")
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

textual!(Host, "");
