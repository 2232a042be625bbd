//! The windows of grants with `max_requests_per_minute`, as the journal's last minute has them: a
//! restart gives nobody a new minute. What cannot be read counts as nothing used; the journal then
//! says so itself, and allows no lease.

use std::path::Path;
use std::time::Duration;

use proto::journal::{Event, Record};
use proto::meta::Timestamp;
use proto::name::Method;
use proto::policy::GrantField;

use crate::audit;
use crate::clock::Moment;
use crate::policy::grants::Placed;
use crate::policy::judge::Ask;
use crate::policy::limits::{MINUTE, Uses};

/// What was used of those grants by a keeper before this one.
pub(super) fn rebuilt(audit: &Path, grants: &[Placed], now: Moment, clock: Timestamp) -> Uses {
    let mut uses = Uses::default();
    let is_limited = |placed: &Placed| placed.grant.limits.per_minute.is_some();
    if !grants.iter().any(is_limited) {
        return uses;
    }
    let minute = u64::try_from(MINUTE.as_millis()).unwrap_or(u64::MAX);
    let since = Timestamp(clock.0.saturating_sub(minute));
    audit::since(audit, since, &mut |record| {
        // A clock that was set back: what seems to come later was within the minute all the same.
        let age = Duration::from_millis(clock.0.saturating_sub(record.time.0));
        for placed in rested_on(grants, &record, clock) {
            uses.restore(placed.mark, placed.grant.limits, now.before(age));
        }
    });
    uses
}

/// The grants a release may have rested on: the first that covers it, and those before it that may. The
/// record has the pattern of a path and not the path, so it counts for each that is narrowed to some.
fn rested_on<'a>(grants: &'a [Placed], record: &Record, clock: Timestamp) -> Vec<&'a Placed> {
    let Some(ask) = asked(record) else { return Vec::new() };
    let mut found = Vec::new();
    for placed in grants {
        match placed.grant.unmet(&ask, clock).as_slice() {
            [] => {
                found.push(placed);
                return found;
            }
            [GrantField::Paths] => found.push(placed),
            _ => {}
        }
    }
    found
}

fn asked(record: &Record) -> Option<Ask> {
    if record.event != Event::LeaseUsed {
        return None;
    }
    let mut words = record.route.as_ref().map_or("", |route| route.as_str()).split(' ');
    Some(Ask {
        provider: words.next()?.parse().ok()?,
        method: words.next().and_then(|word| Method::parse(word).ok()),
        path: None,
        consumer: record.consumer.clone()?,
        purpose: record.purpose.clone()?,
        delivery: record.delivery?,
        host: record.host.clone()?,
        marked_host: None,
        named: Some(record.secret.clone()?),
    })
}
