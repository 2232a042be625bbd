//! What holds a process, judged by what is promised. Pure: all that was seen is given.

use proto::standing::{Confinement, Layer, Namespace, NamespaceKind, Strictness};
use unix::insight::Insight;

use super::super::expected::{Expected, has_a_switch};
use super::super::finding::Finding;
use super::Seen;

impl Seen {
    /// What it comes to. `ours` are our own namespaces.
    pub(in crate::secret::doctor) fn judge(
        &self,
        expected: &Expected,
        ours: &[Namespace],
        strictness: Strictness,
    ) -> Finding {
        let (id, name, pid) = (self.process.id(), self.process.name(), self.pid);
        if self.kernel.is_empty() {
            let what = format!("nothing is to be read of {name} (pid {pid})");
            return Finding::warn(id, what, "it has ended, or /proc hides it (hidepid); look again");
        }
        if self.reported.as_ref().is_some_and(|reported| reported.layers.is_empty()) {
            return Finding::warn(id, format!("{name} (pid {pid}) is only starting"), "look again");
        }
        let broken = self.broken(expected, ours);
        if !broken.is_empty() {
            return Finding::fail(
                id,
                format!("{name} (pid {pid}) is not held as promised: {}", broken.join("; ")),
                "ugent secret broker stop; then report this",
            );
        }
        let missing = self.missing(expected);
        if missing.is_empty() {
            return Finding::ok(id, format!("{name} (pid {pid}) is held: {}", self.held().join(", ")));
        }
        let words = missing.iter().map(|layer| layer.as_str()).collect::<Vec<_>>().join(", ");
        let what = format!("{name} (pid {pid}) does without {words}; it is held: {}", self.held().join(", "));
        match strictness {
            Strictness::BestEffort => Finding::warn(
                id,
                what,
                "run it where the kernel gives them; confinement = \"best-effort\" lets it do without",
            ),
            Strictness::Required => Finding::fail(
                id,
                what,
                "secrets.toml demands them: ugent secret broker stop && ugent secret broker start",
            ),
        }
    }

    /// What has no switch, or is otherwise than the process has reported.
    fn broken(&self, expected: &Expected, ours: &[Namespace]) -> Vec<String> {
        let mut broken = Vec::new();
        let uids = vec![expected.uid.to_string(); 4].join(" ");
        let exactly = |label: &str, value: &str| {
            let found = self.word(label);
            (found != value).then(|| format!("{label} is {found}, not {value}"))
        };
        broken.extend(exactly("Uid", &uids));
        if let Some(gid) = expected.gid {
            broken.extend(exactly("Gid", &vec![gid.to_string(); 4].join(" ")));
            broken.extend(exactly("Groups", ""));
        }
        broken.extend(exactly("NoNewPrivs", "1"));
        broken.extend(exactly("Seccomp", "2"));
        for (label, allowed) in [
            ("CapInh", 0),
            ("CapPrm", expected.capabilities),
            ("CapEff", expected.capabilities),
            ("CapAmb", 0),
        ] {
            broken.extend(self.beyond(label, allowed));
        }
        if self.reported.is_none() || self.reports(Layer::NoBounding) {
            broken.extend(self.beyond("CapBnd", expected.bounding));
        }
        if self.cores.as_ref().is_some_and(|(soft, hard)| soft != "0" || hard != "0") {
            broken.push("it may leave a core".to_owned());
        }
        if self.insight == Insight::Open {
            broken.push("another program of the same user can look into it".to_owned());
        }
        let lacks = |layer: &&Layer| !has_a_switch(**layer) && !self.reports(**layer);
        broken.extend(expected.layers.iter().filter(lacks).map(|layer| format!("it lacks {layer}")));
        broken.extend(self.shared(ours));
        broken
    }

    /// Namespaces it says are its own, and which are not.
    fn shared(&self, ours: &[Namespace]) -> Vec<String> {
        let reported = self.reported.iter().flat_map(|reported| &reported.namespaces);
        let mut shared = Vec::new();
        for namespace in reported.filter(|namespace| self.reports(layer_of(namespace.kind))) {
            let kind = namespace.kind;
            if ours.contains(namespace) {
                shared.push(format!("its {kind} namespace is ours"));
            }
            if self.outside.iter().any(|seen| seen.kind == kind && seen.inode != namespace.inode) {
                shared.push(format!("its {kind} namespace is not the one it reports"));
            }
        }
        shared
    }

    /// What may be missing if the user has said so, and is.
    fn missing(&self, expected: &Expected) -> Vec<Layer> {
        let lacks = |layer: &&Layer| has_a_switch(**layer) && !self.reports(**layer);
        expected.layers.iter().filter(lacks).copied().collect()
    }

    /// For people, what holds it.
    fn held(&self) -> Vec<String> {
        let word = |label: &str| match self.word(label) {
            "" => "none".to_owned(),
            value => value.to_owned(),
        };
        let uid = word("Uid").split(' ').next().unwrap_or_default().to_owned();
        let mut held = vec![format!("uid {uid}"), format!("groups {}", word("Groups"))];
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        let full: Vec<String> =
            sets.iter().filter_map(|set| self.beyond(set, 0)).map(|said| said.replace(" has", "")).collect();
        held.push(if full.is_empty() { "no capability in any set".to_owned() } else { full.join(", ") });
        held.push(format!("no_new_privs {}", word("NoNewPrivs")));
        held.push(format!("seccomp {}", word("Seccomp")));
        if self.cores.is_some() {
            held.push("no core".to_owned());
        }
        held.push(match self.insight {
            Insight::Refused => "closed to others of its user".to_owned(),
            Insight::Open => "open to others of its user".to_owned(),
            Insight::NotTried => format!("not looked into, which takes uid {uid} or root"),
        });
        if let Some(Confinement { layers, landlock_abi, namespaces }) = &self.reported {
            let own = namespaces.iter().filter(|namespace| layers.contains(&layer_of(namespace.kind)));
            let own: Vec<String> = own.map(|Namespace { kind, inode }| format!("{kind} {inode}")).collect();
            if !own.is_empty() {
                held.push(format!("namespaces of its own: {}", own.join(" ")));
            }
            let closed = [Layer::Files, Layer::TcpPorts, Layer::Scopes];
            let closed = closed.iter().filter(|layer| layers.contains(layer)).map(|layer| layer.as_str());
            held.push(match landlock_abi {
                0 => "no Landlock".to_owned(),
                abi => format!("Landlock {abi}: {}", closed.collect::<Vec<_>>().join(" ")),
            });
        }
        held
    }

    fn reports(&self, layer: Layer) -> bool {
        self.reported.as_ref().is_some_and(|reported| reported.layers.contains(&layer))
    }

    /// What the kernel says under a label; nothing if it does not.
    fn word(&self, label: &str) -> &str {
        self.kernel.get(label).map_or("", String::as_str)
    }

    /// Says so if a capability set has more in it than that, or cannot be read.
    fn beyond(&self, label: &str, allowed: u64) -> Option<String> {
        let found = self.word(label);
        let more = u64::from_str_radix(found, 16).map_or(true, |bits| bits & !allowed != 0);
        more.then(|| format!("{label} has {}", found.trim_start_matches('0')))
    }
}

const fn layer_of(kind: NamespaceKind) -> Layer {
    match kind {
        NamespaceKind::User => Layer::UserNamespace,
        NamespaceKind::Net => Layer::NetNamespace,
        NamespaceKind::Ipc => Layer::IpcNamespace,
        NamespaceKind::Uts => Layer::UtsNamespace,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
