//! Why the judge decides as it does: which line of the grants file it is, or which comes nearest.
//! Takes the verdict from the judge, and never makes one.

use proto::meta::Timestamp;
use proto::name::Handle;
use proto::policy::{Explanation, Nearest};

use super::grants::{Grants, Placed};
use super::judge::{Ask, Candidate, Verdict, judge};

/// The verdict on an ask that names its secret, and the line it rests on.
pub(crate) fn explain(
    grants: &Grants,
    secret: impl Fn(&Handle) -> Option<Candidate>,
    ask: &Ask,
    now: Timestamp,
) -> Explanation {
    match judge(grants, &secret, ask, now) {
        Verdict::Grant(granted) => Explanation::Allowed {
            line: granted.line,
            ttl_secs: u32::try_from(granted.ttl.as_secs()).unwrap_or(u32::MAX),
            approval_secs: granted
                .approving
                .map(|asks| u32::try_from(asks.wait.as_secs()).unwrap_or(u32::MAX)),
        },
        Verdict::Deny(reason) => {
            Explanation::Refused { reason, nearest: nearest(grants.in_force(), secret, ask, now) }
        }
    }
}

/// The first of those grants that have the fewest elements wrong.
fn nearest(
    grants: &[Placed],
    secret: impl Fn(&Handle) -> Option<Candidate>,
    ask: &Ask,
    now: Timestamp,
) -> Option<Nearest> {
    let unmet = grants.iter().map(|placed| {
        let ask = ask.for_value(secret(&placed.grant.secret).as_ref());
        (placed.line, placed.grant.unmet(&ask, now))
    });
    unmet.min_by_key(|(_, fields)| fields.len()).map(|(line, fields)| Nearest { line, fields })
}
