//! Grants and policy files as keeperd shows them to the CLI: names, numbers and places in a file.
//!
//! Nothing here decides: a verdict comes from keeperd, and so does what is wrong with a file.

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureClass};
use crate::journal::Reason;
use crate::meta::Timestamp;
use crate::name::{Consumer, Delivery, Handle, Host, Method, ProviderId, Purpose};

/// Most elements of a list in a grant, so that any grant fits in a frame.
pub const LIST_MAX: usize = 64;
/// Longest path pattern of a grant, in bytes.
pub const PATTERN_MAX: usize = 256;

/// A file of UGENT_HOME that keeperd alone parses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyFile {
    /// `secrets.grants.toml`.
    Grants,
    /// `secrets.providers.toml`.
    Providers,
}

crate::name::words!(PolicyFile, "policy file", "it is grants or providers", {
    Grants => "grants",
    Providers => "providers",
});

/// An element of a grant, by the name it has in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantField {
    /// Which secret.
    SecretRef,
    /// Who.
    Consumer,
    /// What for.
    Purposes,
    /// How the value leaves.
    Delivery,
    /// Where to.
    AllowedHosts,
    /// By which methods.
    Methods,
    /// To which paths.
    Paths,
    /// Until when.
    NotAfter,
}

crate::name::words!(GrantField, "field of a grant", "it is a field of [[grants]], as in purposes", {
    SecretRef => "secret_ref",
    Consumer => "consumer",
    Purposes => "purposes",
    Delivery => "delivery",
    AllowedHosts => "allowed_hosts",
    Methods => "methods",
    Paths => "paths",
    NotAfter => "not_after",
});

/// What is wrong with a file, and where. Never repeats what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileComplaint {
    /// Counted from 1; none if it is about the file as a whole.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What would be right; empty where that is not known.
    pub mend: String,
}

impl FileComplaint {
    /// As an error for a person, as an editor finds the place: `path:line:column: what`.
    #[must_use]
    pub fn failure(&self, path: &str) -> Failure {
        let Self { place, what, mend } = self;
        let (what, otherwise) = match place {
            Some(Place { line, column }) => {
                (format!("{path}:{line}:{column}: {what}"), format!("edit line {line} of {path}"))
            }
            None => (format!("{path}: {what}"), format!("mend {path}")),
        };
        Failure::new(FailureClass::Config, what, if mend.is_empty() { &otherwise } else { mend })
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

/// What keeperd says of a policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileVerdict {
    /// It is not there.
    Missing,
    /// It is taken, with that many entries.
    Good(u32),
    /// It is refused as a whole.
    Bad(FileComplaint),
}

/// A grant in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// Where it begins in the file, counted from 1.
    pub line: u32,
    /// Which secret.
    pub secret: Handle,
    /// Who.
    pub consumer: Consumer,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// How the value leaves.
    pub delivery: Vec<Delivery>,
    /// Where to.
    pub allowed_hosts: Vec<Host>,
    /// By which methods; none: by any of the provider's routes.
    pub methods: Option<Vec<Method>>,
    /// To which paths; none: to any of the provider's routes.
    pub paths: Option<Vec<String>>,
    /// How long a lease lasts.
    pub ttl_secs: u32,
    /// From when on it grants nothing.
    pub not_after: Option<Timestamp>,
    /// Most requests in any minute.
    pub max_requests_per_minute: Option<u32>,
    /// Most requests at once.
    pub max_concurrent: Option<u32>,
    /// How long an ask waits for a person, where one must approve each lease.
    pub approval_secs: Option<u32>,
}

/// A route of a provider, or a provider that has none in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// Whose.
    pub provider: ProviderId,
    /// Whether the providers file made it or changed it.
    pub origin: Origin,
    /// Whether a grant names a secret of it, or itself.
    pub takes: Takes,
    /// The hosts its requests go to; none where that is for the providers file to say.
    pub hosts: Vec<Host>,
    /// What it is; none for a provider that is not in use.
    pub route: Option<ListedRoute>,
}

/// What may be called, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRoute {
    /// By which method.
    pub method: Method,
    /// Behind `/proxy/{provider}`.
    pub path: String,
    /// What a grant must name.
    pub purpose: Purpose,
}

/// What a provider takes to let a request in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Takes {
    /// A secret's value.
    Secret,
    /// Nothing: its grants name its own id in a secret's place.
    Nothing,
}

crate::name::words!(Takes, "credential", "it is secret or nothing", {
    Secret => "secret",
    Nothing => "nothing",
});

/// Where a provider's fields are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The built-in table.
    BuiltIn,
    /// The same, with fields of the providers file.
    Overridden,
    /// The providers file alone.
    Custom,
    /// The built-in table, which leaves something for the providers file to say.
    Unplaced,
}

crate::name::words!(Origin, "origin", "it is built-in, overridden, custom or unplaced", {
    BuiltIn => "built-in",
    Overridden => "overridden",
    Custom => "custom",
    Unplaced => "unplaced",
});

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Who.
    pub consumer: Consumer,
    /// Which secret.
    pub secret: Handle,
    /// What for.
    pub purpose: Purpose,
    /// Where to; none: the host of the secret's provider.
    pub host: Option<Host>,
    /// How the value would leave.
    pub delivery: Delivery,
    /// By which method, if that is known.
    pub method: Option<Method>,
    /// To which path, if that is known.
    pub path: Option<String>,
}

/// Why a question is answered as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Explanation {
    /// The grant at this line allows it, for leases of so many seconds.
    Allowed {
        /// Where the grant begins.
        line: u32,
        /// As the grant has it, or less if it ends before.
        ttl_secs: u32,
        /// How long an ask waits for a person, where one must approve each lease.
        approval_secs: Option<u32>,
    },
    /// No grant allows it.
    Refused {
        /// What the journal would say.
        reason: Reason,
        /// The grant that comes nearest, if there is any.
        nearest: Option<Nearest>,
    },
}

/// The grant that comes nearest to allowing something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// Where it begins.
    pub line: u32,
    /// Its elements that do not match, if it is they.
    pub fields: Vec<GrantField>,
}
