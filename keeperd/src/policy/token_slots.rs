//! `token_slots` of `secrets.providers.toml`: where a client's token may be besides the places where it
//! may be for every provider. What is named here never goes on to the provider.

use proto::control_lane::TokenSlot;

use super::place;

/// Most of one provider.
const SLOTS_MAX: usize = 8;

/// Headers a client needs for something else.
const TAKEN: [&str; 5] = ["cookie", "content-type", "accept", "origin", "x-ugent-secret"];

/// `"x-their-key"` is a header, `"?key"` a pair of the query.
pub(super) fn parse(texts: &[String]) -> Result<Vec<TokenSlot>, &'static str> {
    if texts.len() > SLOTS_MAX {
        return Err("token_slots has at most 8 places");
    }
    texts.iter().map(|text| slot(text)).collect()
}

fn slot(text: &str) -> Result<TokenSlot, &'static str> {
    if let Some(name) = text.strip_prefix('?') {
        return if place::is_query_name(name) {
            Ok(TokenSlot::Query { name: name.to_owned() })
        } else {
            Err("a place in the query is ? and a name of letters, digits, -, _ and .")
        };
    }
    let name = text.to_ascii_lowercase();
    if !place::is_credential_header(&name) || TAKEN.contains(&name.as_str()) {
        return Err("token_slots has names of headers that may hold a token, or ?name for the query");
    }
    Ok(TokenSlot::Header { name, prefix: String::new() })
}
