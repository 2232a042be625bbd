//! `clients` and `allowed_origins`: what the gateway's clients may take up, and which web pages are
//! among them. A number that would let nobody in is refused, and so is an origin no browser sends.

use proto::clients::{ClientRules, ORIGINS_MAX, is_origin};
use serde::Deserialize;

/// `clients`, as it is written; what is left out is as ever.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    connections: Option<u32>,
    of_one_user: Option<u32>,
    idle_secs: Option<u32>,
    head_secs: Option<u32>,
    stall_secs: Option<u32>,
}

/// The rules, or where what is wrong.
pub(super) fn rules(
    written: Option<&toml::Spanned<Written>>,
    origins: &[toml::Spanned<String>],
) -> Result<ClientRules, (usize, &'static str)> {
    let mut rules = ClientRules::DEFAULT;
    if let Some(table) = written {
        let set = table.get_ref();
        for (number, to) in [
            (set.connections, &mut rules.connections),
            (set.of_one_user, &mut rules.of_one_user),
            (set.idle_secs, &mut rules.idle_secs),
            (set.head_secs, &mut rules.head_secs),
            (set.stall_secs, &mut rules.stall_secs),
        ] {
            *to = number.unwrap_or(*to);
        }
        if !rules.are_acceptable() {
            let rule = "clients must have connections and of_one_user from 1 to 1000000, and idle_secs, \
                        head_secs and stall_secs from 1 to 86400";
            return Err((table.span().start, rule));
        }
    }
    if let Some(one_more) = origins.get(ORIGINS_MAX) {
        return Err((one_more.span().start, "allowed_origins has more than 64 origins"));
    }
    for origin in origins {
        if !is_origin(origin.get_ref()) {
            let rule = "allowed_origins has what is no origin, as in \"http://localhost:3000\"";
            return Err((origin.span().start, rule));
        }
        rules.origins.push(origin.get_ref().clone());
    }
    Ok(rules)
}
