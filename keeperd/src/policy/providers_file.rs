//! `secrets.providers.toml`: what it overrides of built-in providers, and providers of its own. Strict,
//! and all or nothing: a file with a mistake in it changes nothing.

use proto::control_lane::{ErrorShape, Scheme};
use proto::lease_lane::Inject;
use proto::name::{Host, Method, ProviderId, Purpose};
use proto::policy::Origin;
use toml::Spanned;

use super::base_url::BaseUrl;
use super::built_in::{self, BuiltIn, Site};
use super::pattern;
use super::place::Place;
use super::providers::{AnchorReader, Provider, Route, built_in_table};
use super::token_slots;
use super::toml_place::Complaint;

/// Longest connect or idle timeout that can be asked for: an hour.
const TIMEOUT_MAX_SECS: u32 = 3_600;
/// Most providers of a file, and most routes of one: a longer table is a mistake.
const PROVIDERS_MAX: usize = 256;
const ROUTES_MAX: usize = 512;
/// Most certificates of all providers together: with the providers, fewer than the launcher takes.
const ANCHORS_MAX: usize = 3_000;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    providers: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Spanned<ProviderId>,
    like: Option<Spanned<ProviderId>>,
    base_url: Option<Spanned<String>>,
    ca_file: Option<Spanned<String>>,
    allow_private: Option<bool>,
    connect_timeout_secs: Option<Spanned<u32>>,
    idle_timeout_secs: Option<Spanned<u32>>,
    scrub: Option<bool>,
    inject: Option<Spanned<Place>>,
    token_slots: Option<Spanned<Vec<String>>>,
    errors: Option<ErrorShape>,
    #[serde(default)]
    routes: Vec<RouteRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteRow {
    method: Method,
    path: Spanned<String>,
    purpose: Purpose,
}

/// The built-in table with all that a file says.
pub(super) fn apply(text: &str, read_anchors: &AnchorReader<'_>) -> Result<Vec<Provider>, Complaint> {
    let file: File = toml::from_str(text).map_err(|error| Complaint::of(text, &error))?;
    let mut table = built_in_table();
    let (mut seen, mut anchors) = (Vec::new(), 0);
    for row in file.providers {
        let id = row.id.get_ref().clone();
        let complain = |what: &str, mend: &str| Err(Complaint::at(text, row.id.span(), what).mended_by(mend));
        if seen.contains(&id) {
            return complain("this provider stands in the file twice", "put its fields in one table");
        }
        if seen.len() == PROVIDERS_MAX {
            return complain("the file has more than 256 providers", "take some of them out");
        }
        let provider = provider(text, &row, read_anchors)?;
        anchors += provider.anchors.len();
        if anchors > ANCHORS_MAX {
            return complain(
                "the ca_files up to here hold more than 3000 certificates together",
                "name a ca_file with the one authority that provider needs",
            );
        }
        match table.iter_mut().find(|known| known.transport.provider == id) {
            Some(known) => *known = provider,
            None => table.push(provider),
        }
        seen.push(id);
    }
    Ok(table)
}

fn provider(text: &str, row: &Row, read_anchors: &AnchorReader<'_>) -> Result<Provider, Complaint> {
    let mut provider = match (built_in(row.id.get_ref()), &row.like) {
        (Some(known), None) => overridden(text, row, known)?,
        (Some(_), Some(like)) => {
            let complaint = Complaint::at(text, like.span(), "like is for a provider with a name of its own");
            return Err(complaint.mended_by("take it out, or choose another id"));
        }
        (None, like) => custom(text, row, like.as_ref())?,
    };
    fill(text, &mut provider, row, read_anchors)?;
    if row.inject.is_some() || provider.origin == Origin::Custom {
        provider.take_tokens_where_it_injects();
    }
    Ok(provider)
}

fn built_in(id: &ProviderId) -> Option<&'static BuiltIn> {
    built_in::ALL.iter().copied().find(|row| row.id == id.as_str())
}

/// A built-in provider, before the file's fields are put in.
fn overridden(text: &str, row: &Row, known: &BuiltIn) -> Result<Provider, Complaint> {
    let missing = match known.site {
        Site::OfItsUser if row.base_url.is_none() => Some((
            "this provider has no host until base_url says it",
            "base_url = \"https://RESOURCE.openai.azure.com\"",
        )),
        Site::ThisMachine { .. } if row.base_url.is_none() && row.allow_private != Some(true) => {
            Some(("this provider is on this machine, which must be allowed", "allow_private = true"))
        }
        Site::Host(_) | Site::HostByKey { .. } | Site::OfItsUser | Site::ThisMachine { .. } => None,
    };
    if let Some((what, mend)) = missing {
        return Err(Complaint::at(text, row.id.span(), what).mended_by(mend));
    }
    Provider::to_override(known).map_err(|error| Complaint::whole(error.to_string()))
}

/// A provider of the file's own, before its fields are put in.
fn custom(text: &str, row: &Row, like: Option<&Spanned<ProviderId>>) -> Result<Provider, Complaint> {
    let id = row.id.get_ref();
    let complain = |what: &str, mend: &str| Complaint::at(text, row.id.span(), what).mended_by(mend);
    if id.is_generic() {
        return Err(complain("generic is the name for secrets of no provider", "choose another id"));
    }
    if row.base_url.is_none() {
        return Err(complain(
            "a provider that is not built in needs base_url",
            "base_url = \"https://HOST\", or the id of a built-in one (ugent secret provider list)",
        ));
    }
    let bug = |error: proto::name::NameError| Complaint::whole(error.to_string());
    let mut provider = match like {
        Some(like) => {
            let known = built_in(like.get_ref()).ok_or_else(|| {
                Complaint::at(text, like.span(), "like names no built-in provider")
                    .mended_by("ugent secret provider list shows them")
            })?;
            let mut provider = Provider::to_override(known).map_err(bug)?;
            provider.transport.provider = id.clone();
            let groups = Route::of_groups(id, known.groups);
            provider.routes =
                groups.map_err(|_| complain("this id is too long for like", "choose a shorter one"))?;
            provider
        }
        None => {
            if row.inject.is_none() {
                return Err(complain(
                    "a provider that is not built in needs inject",
                    "inject = { header = \"authorization\", format = \"Bearer {}\" }",
                ));
            }
            if row.routes.is_empty() {
                return Err(complain(
                    "a provider that is not built in needs routes",
                    "[[providers.routes]] with method, path and purpose",
                ));
            }
            Provider::new(id.clone(), Host::parse("localhost").map_err(bug)?, Inject::Nothing)
        }
    };
    provider.origin = Origin::Custom;
    Ok(provider)
}

/// Puts in the fields that are given.
fn fill(
    text: &str,
    provider: &mut Provider,
    row: &Row,
    read_anchors: &AnchorReader<'_>,
) -> Result<(), Complaint> {
    let transport = &mut provider.transport;
    if let Some(allow_private) = row.allow_private {
        transport.allow_private = allow_private;
    }
    if let Some(url) = &row.base_url {
        let base = base_url(text, url, transport.allow_private)?;
        transport.scheme = base.scheme;
        transport.host = base.host;
        transport.port = base.port;
        provider.base_path = base.path;
        // All its values go there now.
        provider.marked_host = None;
    }
    if let Some(secs) = &row.connect_timeout_secs {
        transport.connect_timeout_ms = milliseconds(text, secs, 1)?;
    }
    if let Some(secs) = &row.idle_timeout_secs {
        transport.idle_timeout_ms = milliseconds(text, secs, 0)?;
    }
    if let Some(scrub) = row.scrub {
        transport.scrub = scrub;
    }
    if let Some(errors) = row.errors {
        transport.errors = errors;
    }
    if let Some(slots) = &row.token_slots {
        transport.token_slots =
            token_slots::parse(slots.get_ref()).map_err(|what| Complaint::at(text, slots.span(), what))?;
    }
    if let Some(place) = &row.inject {
        provider.inject = place.get_ref().inject().map_err(|what| Complaint::at(text, place.span(), what))?;
    }
    if let Some(path) = &row.ca_file {
        provider.anchors =
            read_anchors(path.get_ref()).map_err(|what| Complaint::at(text, path.span(), &what))?;
    }
    // Before those of the table, so that a route can be given another purpose.
    let added = routes(text, row)?;
    provider.routes.splice(0..0, added);
    Ok(())
}

fn base_url(text: &str, url: &Spanned<String>, allow_private: bool) -> Result<BaseUrl, Complaint> {
    let base = BaseUrl::parse(url.get_ref()).ok_or_else(|| {
        Complaint::at(
            text,
            url.span(),
            "base_url is https://HOST[:PORT][/PATH], without user, query and fragment",
        )
    })?;
    if base.scheme == Scheme::Http && !(allow_private && base.is_loopback()) {
        let what = "http:// is only for a loopback host, and needs allow_private = true; use https://";
        return Err(Complaint::at(text, url.span(), what));
    }
    Ok(base)
}

fn routes(text: &str, row: &Row) -> Result<Vec<Route>, Complaint> {
    if row.routes.len() > ROUTES_MAX {
        return Err(Complaint::at(text, row.id.span(), "a provider has at most 512 routes"));
    }
    let mut routes: Vec<Route> = Vec::with_capacity(row.routes.len());
    for route in &row.routes {
        let path = route.path.get_ref();
        let complain = |what, mend: &str| Complaint::at(text, route.path.span(), what).mended_by(mend);
        if !pattern::is_pattern(path) {
            return Err(complain(
                "path is not a pattern: it starts with /, has no empty or dot segment, no query, and a * only as a last /**",
                "path = \"/v1/files/{id}\"",
            ));
        }
        let made = Route::new(row.id.get_ref(), route.method.as_str(), path, route.purpose.as_str())
            .map_err(|_| {
                complain(
                    "path is longer than a route's name has room for (about 200 bytes)",
                    "make it shorter",
                )
            })?;
        if routes.iter().any(|known| known.name == made.name) {
            return Err(complain("this method and path stand there twice", "leave one of them"));
        }
        routes.push(made);
    }
    Ok(routes)
}

fn milliseconds(text: &str, secs: &Spanned<u32>, least: u32) -> Result<u32, Complaint> {
    if (least..=TIMEOUT_MAX_SECS).contains(secs.get_ref()) {
        return Ok(secs.get_ref() * 1000);
    }
    Err(Complaint::at(text, secs.span(), &format!("a timeout is {least} to {TIMEOUT_MAX_SECS} seconds")))
}

#[cfg(test)]
mod tests;
