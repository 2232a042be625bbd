//! A grant to begin with, for a secret of some provider: the narrowest that its usual client needs.
//! Only suggests; what is granted is what somebody puts into the file.

use std::collections::BTreeSet;

use proto::name::{Delivery, Handle, Host, ProviderId, Purpose};
use proto::policy::RouteView;

/// What most programs use a provider for; a grant for more is for its owner to write.
const USUAL: [&str; 3] = ["llm.chat", "llm.embeddings", "llm.rerank"];

/// How a secret could be used.
pub(super) struct Suggestion {
    pub(super) purposes: Vec<Purpose>,
    pub(super) delivery: Delivery,
    pub(super) hosts: Vec<Host>,
}

impl Suggestion {
    /// By the routes of its provider; through a program's environment where it has none.
    pub(super) fn of(provider: &ProviderId, routes: &[RouteView]) -> Self {
        let its: Vec<&RouteView> = routes.iter().filter(|view| view.provider == *provider).collect();
        let purposes: BTreeSet<&str> =
            its.iter().filter_map(|view| Some(view.route.as_ref()?.purpose.as_str())).collect();
        let hosts = its.first().map(|view| view.hosts.clone()).unwrap_or_default();
        let usual: Vec<&str> = USUAL.into_iter().filter(|purpose| purposes.contains(purpose)).collect();
        let chosen = if usual.is_empty() { purposes.into_iter().collect() } else { usual };
        let chosen: Vec<Purpose> = chosen.into_iter().filter_map(|name| Purpose::parse(name).ok()).collect();
        if chosen.is_empty() || hosts.is_empty() {
            let purposes = Purpose::parse("process.env").into_iter().collect();
            return Self { purposes, delivery: Delivery::EnvInject, hosts: Vec::new() };
        }
        Self { purposes: chosen, delivery: Delivery::HttpHeaderInject, hosts }
    }

    /// Who it is that uses it without anything more being set up.
    pub(super) const fn consumer(&self) -> &'static str {
        match self.delivery {
            Delivery::HttpHeaderInject | Delivery::Native => "ugent-core",
            Delivery::EnvInject => "cli",
        }
    }

    /// The command that grants it, behind `ugent secret`.
    pub(super) fn command(&self, secret: &Handle, consumer: &str) -> String {
        let mut words = format!("grant add --secret {secret} --consumer {consumer}");
        for purpose in &self.purposes {
            words.push_str(&format!(" --purpose {purpose}"));
        }
        words.push_str(&format!(" --delivery {}", self.delivery));
        for host in &self.hosts {
            words.push_str(&format!(" --host {host}"));
        }
        words
    }
}
