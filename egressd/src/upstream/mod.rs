//! The way to providers: where a lease says, over connections that are kept for the next request.
//!
//! Nothing here decides who gets what. A request goes only where its lease says, and only if the
//! launcher named that place at start.

mod address;
mod dial;
mod head;
mod link;
mod pool;
pub(crate) mod relay;
mod request_body;
pub(crate) mod resolve;
pub(crate) mod response_body;
pub(crate) mod transports;
mod trust;
pub(crate) mod tunnel;
mod upload_url;
mod validity;

use std::sync::Arc;

use proto::control_lane::Transport;
use proto::name::ProviderId;

use crate::prepare::Outside;

/// One worker's way to providers.
pub(crate) struct Upstream {
    outside: Arc<Outside>,
    resolver: resolve::Resolver,
    pool: pool::Pool,
}

impl Upstream {
    /// Knows how to reach providers, and has no connection yet.
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        let resolver = resolve::Resolver::new(Arc::clone(&outside));
        Self { outside, resolver, pool: pool::Pool::new() }
    }

    /// What is known of a provider, if the launcher named it.
    pub(crate) fn transport(&self, provider: &ProviderId) -> Option<&Transport> {
        self.outside.transports.of(provider)
    }
}
