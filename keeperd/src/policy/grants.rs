//! Grants in force.

use std::time::Duration;

use proto::name::{Consumer, Delivery, Handle, Host, Purpose};

use super::toml_place::Complaint;

/// A standing permission, as written in the grants file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) secret: Handle,
    pub(crate) consumer: Consumer,
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Consulted for `http_header_inject` only, and then never empty.
    pub(crate) hosts: Vec<Host>,
    pub(crate) ttl: Duration,
}

/// What the grants file amounts to. Deny is the zero case: only `Loaded` allows anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// There is no file.
    Missing,
    /// The file is malformed or not trustworthy; it is never half-applied.
    Refused(Complaint),
    /// In file order.
    Loaded(Vec<Grant>),
}

impl Grants {
    /// Parses the file's text, all of it or nothing.
    pub(crate) fn parse(text: &str) -> Self {
        match super::grants_file::parse(text) {
            Ok(grants) => Self::Loaded(grants),
            Err(complaint) => Self::Refused(complaint),
        }
    }

    /// Refused before it was parsed: owner, mode, or reading it.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused(Complaint::whole(what))
    }

    /// The grants in force, in file order.
    pub(crate) fn in_force(&self) -> &[Grant] {
        match self {
            Self::Loaded(grants) => grants,
            Self::Missing | Self::Refused(_) => &[],
        }
    }
}

impl Grant {
    /// Whether this grant covers a use of its secret, in all elements.
    pub(crate) fn covers(
        &self,
        consumer: &Consumer,
        purpose: &Purpose,
        delivery: Delivery,
        host: Option<&Host>,
    ) -> bool {
        let host_fits = match delivery {
            Delivery::HttpHeaderInject => host.is_some_and(|host| self.hosts.contains(host)),
            Delivery::Native | Delivery::EnvInject => true,
        };
        self.consumer == *consumer
            && self.purposes.contains(purpose)
            && self.deliveries.contains(&delivery)
            && host_fits
    }
}
