//! The only fields of a request that may be logged.
//!
//! There is no field for a path, query, header or body, and the texts come from closed sets or
//! parsed names: a client cannot write a line of its own choosing.

use std::fmt;

use proto::meta::LeaseId;
use proto::name::{Method, ProviderId};

/// One request, as the log may know it.
pub(crate) struct AccessLine<'a> {
    /// Which provider was asked for, if the path named one.
    pub(crate) provider: Option<&'a ProviderId>,
    /// The method.
    pub(crate) method: Option<&'a Method>,
    /// How it went.
    pub(crate) end: AccessEnd,
    /// From the request's head to its end.
    pub(crate) ms: u64,
    /// Body bytes from the client.
    pub(crate) bytes_in: u64,
    /// Body bytes to the client.
    pub(crate) bytes_out: u64,
    /// The lease it ran under.
    pub(crate) lease: Option<LeaseId>,
}

/// How a request went.
pub(crate) enum AccessEnd {
    /// The upstream answered with this status.
    Status(u16),
    /// It got no answer of an upstream, for the reason of that code.
    Refused(&'static str),
}

impl fmt::Display for AccessLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.provider.map_or("-", ProviderId::as_str);
        let method = self.method.map_or("-", Method::as_str);
        write!(f, "request provider={provider} method={method} ")?;
        match self.end {
            AccessEnd::Status(status) => write!(f, "status={status}")?,
            AccessEnd::Refused(code) => write!(f, "refused={code}")?,
        }
        write!(f, " ms={} in={} out={}", self.ms, self.bytes_in, self.bytes_out)?;
        self.lease.map_or(Ok(()), |lease| write!(f, " lease={lease}"))
    }
}
