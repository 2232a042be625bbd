//! Grants in force.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::time::Duration;

use proto::meta::Timestamp;
use proto::name::{Consumer, Delivery, Handle, Host, Method, Purpose};
use proto::policy::{GrantField, GrantView};

use super::judge::Ask;
use super::pattern;
use super::toml_place::Complaint;

/// A standing permission, as written in the grants file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) secret: Handle,
    pub(crate) consumer: Consumer,
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Consulted for `http_header_inject` only, and then never empty.
    pub(crate) hosts: Vec<Host>,
    /// Narrows the provider's routes; none leaves them as they are.
    pub(crate) methods: Option<Vec<Method>>,
    /// Patterns, as those of routes.
    pub(crate) paths: Option<Vec<String>>,
    pub(crate) ttl: Duration,
    /// After as many uses a lease ends before its time.
    pub(crate) max_uses: Option<NonZeroU32>,
    /// From this moment on it grants nothing.
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) limits: Limits,
    /// Whether a person must approve each lease.
    pub(crate) approving: Option<Approving>,
}

/// A person is asked before each lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Approving {
    /// For how long an ask waits for the answer.
    pub(crate) wait: Duration,
}

/// How much of what it allows a grant allows at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    /// Requests in any minute.
    pub(crate) per_minute: Option<NonZeroU32>,
    /// Requests that are not over.
    pub(crate) at_once: Option<NonZeroU32>,
}

/// Which grant something rests on: a hash of its terms, so that a grant that only moves in its file
/// stays what it was, and one of which anything changes is another. Two that say the same are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GrantMark(u64);

#[cfg(test)]
impl GrantMark {
    pub(crate) const fn of_test(n: u64) -> Self {
        Self(n)
    }
}

/// A grant, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) grant: Grant,
    pub(crate) mark: GrantMark,
    /// Where it begins, counted from 1.
    pub(crate) line: u32,
}

/// What the grants file amounts to. Deny is the zero case: only `Loaded` allows anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// There is no file.
    Missing,
    /// The file is malformed or not trustworthy; it is never half-applied.
    Refused(Complaint),
    /// These.
    Loaded(Table),
}

/// Grants in file order, and which are each consumer's: an ask looks at no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    all: Vec<Placed>,
    of: BTreeMap<Consumer, Vec<usize>>,
}

impl Table {
    /// No grant at all.
    #[cfg(test)]
    pub(crate) const EMPTY: Self = Self { all: Vec::new(), of: BTreeMap::new() };

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Those of a consumer, in file order.
    pub(crate) fn of(&self, consumer: &Consumer) -> impl Iterator<Item = &Placed> {
        let places = self.of.get(consumer).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.all.get(*place))
    }
}

impl FromIterator<Placed> for Table {
    fn from_iter<I: IntoIterator<Item = Placed>>(grants: I) -> Self {
        let all: Vec<_> = grants.into_iter().collect();
        let mut of: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, placed) in all.iter().enumerate() {
            of.entry(placed.grant.consumer.clone()).or_default().push(place);
        }
        Self { all, of }
    }
}

impl Grants {
    /// Parses the file's text, all of it or nothing.
    pub(crate) fn parse(text: &str) -> Self {
        match super::grants_file::parse(text) {
            Ok(grants) => Self::Loaded(grants.into_iter().collect()),
            Err(complaint) => Self::Refused(complaint),
        }
    }

    /// Refused before it was parsed: owner, mode, or reading it.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused(Complaint::whole(what))
    }

    /// The grants in force, in file order.
    pub(crate) fn in_force(&self) -> &[Placed] {
        match self {
            Self::Loaded(grants) => &grants.all,
            Self::Missing | Self::Refused(_) => &[],
        }
    }
}

impl Placed {
    /// That grant, at that line.
    pub(crate) fn new(grant: Grant, line: u32) -> Self {
        // Of one process only, and nobody but the file's owner chooses what is hashed.
        let mut hasher = DefaultHasher::new();
        grant.hash(&mut hasher);
        Self { grant, mark: GrantMark(hasher.finish()), line }
    }

    /// As `grant list` shows it.
    pub(crate) fn view(&self) -> GrantView {
        let grant = &self.grant;
        GrantView {
            line: self.line,
            secret: grant.secret.clone(),
            consumer: grant.consumer.clone(),
            purposes: grant.purposes.clone(),
            delivery: grant.deliveries.clone(),
            allowed_hosts: grant.hosts.clone(),
            methods: grant.methods.clone(),
            paths: grant.paths.clone(),
            ttl_secs: u32::try_from(grant.ttl.as_secs()).unwrap_or(u32::MAX),
            max_uses: grant.max_uses.map(NonZeroU32::get),
            not_after: grant.not_after,
            max_requests_per_minute: grant.limits.per_minute.map(NonZeroU32::get),
            max_concurrent: grant.limits.at_once.map(NonZeroU32::get),
            approval_secs: grant.approving.map(|asks| u32::try_from(asks.wait.as_secs()).unwrap_or(u32::MAX)),
        }
    }
}

impl Grant {
    /// The elements that do not match the ask; none where the grant covers it.
    pub(crate) fn unmet(&self, ask: &Ask, now: Timestamp) -> Vec<GrantField> {
        let mut unmet = Vec::new();
        let mut demand = |field, met: bool| {
            if !met {
                unmet.push(field);
            }
        };
        demand(GrantField::SecretRef, ask.named.as_ref().is_none_or(|named| *named == self.secret));
        demand(GrantField::Consumer, self.consumer == ask.consumer);
        demand(GrantField::Purposes, self.purposes.contains(&ask.purpose));
        demand(GrantField::Delivery, self.deliveries.contains(&ask.delivery));
        match ask.delivery {
            Delivery::HttpHeaderInject => {
                demand(GrantField::AllowedHosts, self.hosts.contains(&ask.host));
                // Nothing known of the request is not what was narrowed to.
                let allows_method = |method| self.methods.as_ref().is_none_or(|all| all.contains(method));
                let method = ask.method.as_ref().map_or(self.methods.is_none(), allows_method);
                demand(GrantField::Methods, method);
                let path = match (&self.paths, &ask.path) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(paths), Some(path)) => {
                        pattern::is_plain(path) && paths.iter().any(|one| pattern::fits(one, path))
                    }
                };
                demand(GrantField::Paths, path);
            }
            Delivery::Native | Delivery::EnvInject => {}
        }
        demand(GrantField::NotAfter, self.not_after.is_none_or(|end| now < end));
        unmet
    }

    /// How long a lease that begins now may last.
    pub(crate) fn ttl_from(&self, now: Timestamp) -> Duration {
        let left = |end: Timestamp| Duration::from_millis(end.0.saturating_sub(now.0));
        self.not_after.map_or(self.ttl, |end| self.ttl.min(left(end)))
    }
}
