//! Whether a broker serves, and with its keys.

use proto::name::Backend;
use proto::standing::{ChildKind, KeeperStanding, LauncherStanding, Phase};

use super::finding::Finding;
use super::visit::{Header, Whose};
use crate::home::Home;

/// What it comes to.
pub(super) fn judge(home: &Home, whose: &Whose, standing: &KeeperStanding, header: Header) -> Vec<Finding> {
    let mut findings = vec![vault(home, standing, header)];
    match whose {
        Whose::Ours => findings.push(Finding::ok(
            "broker",
            "no broker runs, so a keeperd of this command is looked at; ugent secret broker start starts one",
        )),
        Whose::Broker(None) => {
            findings.push(Finding::warn("broker", "a broker is only starting", "look again"));
        }
        Whose::Broker(Some(launcher)) => {
            findings.push(serves(launcher));
            findings.push(locked(standing));
        }
    }
    findings
}

fn vault(home: &Home, standing: &KeeperStanding, header: Header) -> Finding {
    if (standing.backend, header) == (Some(Backend::FileVault), Header::Gone) {
        return Finding::fail(
            "vault",
            format!(
                "the header of the vault in {} is gone: no passphrase opens it",
                home.secrets().display()
            ),
            "put secrets/vault/header back from a backup",
        );
    }
    let secrets = match standing.secrets {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    };
    let backend = standing.backend.map_or("no backend", |backend| backend.as_str());
    Finding::ok("vault", format!("the vault is set up: {backend}, {secrets}"))
}

fn serves(launcher: &LauncherStanding) -> Finding {
    const ID: &str = "broker";
    let LauncherStanding { pid, phase, tcp, sockets, children, started: _ } = launcher;
    match phase {
        Phase::Starting => Finding::warn(ID, format!("a broker (pid {pid}) is only starting"), "look again"),
        Phase::Ending => Finding::warn(
            ID,
            format!("the broker (pid {pid}) is ending: it takes no new requests"),
            "ugent secret broker start   (waits for its end)",
        ),
        Phase::Serving if children.iter().all(|child| child.kind != ChildKind::Egressd) => Finding::warn(
            ID,
            format!("the broker (pid {pid}) is about to start another egressd: requests wait"),
            "look again; the broker's log says why the last one ended",
        ),
        Phase::Serving => {
            let url = tcp.iter().map(|address| format!("http://{address}"));
            let places: Vec<String> = url.chain(sockets.iter().cloned()).collect();
            Finding::ok(ID, format!("a broker (pid {pid}) serves on {}", places.join(", ")))
        }
    }
}

fn locked(standing: &KeeperStanding) -> Finding {
    if standing.locked {
        return Finding::warn(
            "broker.locked",
            "the broker is locked: every request is refused",
            "ugent secret unlock",
        );
    }
    Finding::ok("broker.locked", "the broker is unlocked")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proto::meta::Timestamp;
    use proto::standing::{ChildStanding, Confinement, GrantsStanding};

    use super::super::finding::Level;
    use super::*;

    fn levels(phase: Phase, kinds: &[ChildKind], locked: bool) -> Vec<Level> {
        let child = |kind: &ChildKind| ChildStanding {
            kind: *kind,
            generation: 1,
            pid: 2,
            confinement: Confinement::default(),
        };
        let launcher = LauncherStanding {
            pid: 1,
            started: Timestamp(0),
            phase,
            tcp: None,
            sockets: Vec::new(),
            children: kinds.iter().map(child).collect(),
        };
        let standing = KeeperStanding {
            home: String::new(),
            backend: None,
            locked,
            secrets: 0,
            grants: GrantsStanding::Missing,
            providers_refused: None,
            journal_broken: None,
        };
        let found =
            judge(&Home::at(Path::new("/h")), &Whose::Broker(Some(launcher)), &standing, Header::There);
        found.iter().skip(1).map(|finding| finding.level).collect()
    }

    #[test]
    fn only_a_broker_that_serves_with_its_keys_is_well() {
        let both = [ChildKind::Keeperd, ChildKind::Egressd];
        assert_eq!(levels(Phase::Serving, &both, false), [Level::Ok, Level::Ok]);
        assert_eq!(levels(Phase::Serving, &both, true), [Level::Ok, Level::Warn]);
        assert_eq!(levels(Phase::Serving, &[ChildKind::Keeperd], false), [Level::Warn, Level::Ok]);
        assert_eq!(levels(Phase::Starting, &both, false), [Level::Warn, Level::Ok]);
        assert_eq!(levels(Phase::Ending, &both, false), [Level::Warn, Level::Ok]);
    }
}
