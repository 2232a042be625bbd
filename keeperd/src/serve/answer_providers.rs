//! What the CLI asks about providers: every route there is, and what is not in use yet. Names only;
//! changes nothing.

use proto::cli_lane::{CliAnswer, ROUTES_PAGE};
use proto::lease_lane::Inject;
use proto::name::ProviderId;
use proto::policy::{ListedRoute, Origin, RouteView, Takes};

use super::keeper::Keeper;
use crate::policy::providers::{Provider, Route};

impl Keeper {
    /// A page of all routes, in the order they are looked at. Of any length a frame holds: a route has
    /// at most three names of bounded length.
    pub(super) fn list_providers(&self, seen: u32) -> CliAnswer {
        let providers = &self.policy.providers;
        let placed = providers.iter().flat_map(|known| known.routes.iter().map(|route| view(known, route)));
        let all = placed.chain(providers.unplaced().iter().map(unplaced));
        let mut rest = all.skip(usize::try_from(seen).unwrap_or(usize::MAX));
        let routes: Vec<_> = rest.by_ref().take(ROUTES_PAGE).collect();
        CliAnswer::ProviderListed { routes, more: rest.next().is_some() }
    }
}

fn view(provider: &Provider, route: &Route) -> RouteView {
    RouteView {
        provider: provider.transport.provider.clone(),
        origin: provider.origin,
        takes: match provider.inject {
            Inject::Header { .. } | Inject::Query { .. } => Takes::Secret,
            Inject::Nothing => Takes::Nothing,
        },
        hosts: provider.hosts().cloned().collect(),
        route: Some(ListedRoute {
            method: route.method.clone(),
            path: route.pattern.clone(),
            purpose: route.purpose.clone(),
        }),
    }
}

fn unplaced(id: &ProviderId) -> RouteView {
    let (origin, takes, hosts) = (Origin::Unplaced, Takes::Secret, Vec::new());
    RouteView { provider: id.clone(), origin, takes, hosts, route: None }
}
