//! Asking a keeper, the running broker's or a private one, for all it can say. Needs no passphrase.
//! That a private keeper starts at all is a check: it confines itself before it answers.

use proto::cli_lane::{CliAnswer, CliRequest, OrphanFix};
use proto::failure::Failure;
use proto::meta::Timestamp;
use proto::name::Handle;
use proto::policy::Takes;
use proto::standing::{ChildKind, ChildStanding, Confinement, KeeperStanding, LauncherStanding};

use super::keychain::{self, Orphans};
use super::processes::{self, Seen};
use crate::keeper::{self, Purpose, unexpected};
use crate::secret::{audit, list, provider};
use crate::session::Session;

/// What a keeper said, and the processes as they were seen while it did.
pub(super) struct Visit {
    pub(super) whose: Whose,
    pub(super) standing: KeeperStanding,
    pub(super) header: Header,
    pub(super) secrets: Vec<Handle>,
    /// Providers that a grant may name in a secret's place.
    pub(super) without_secret: Vec<Handle>,
    /// When the values expire that do.
    pub(super) ends: Vec<(Handle, Timestamp)>,
    /// When the newest record was made.
    pub(super) newest: Result<Option<Timestamp>, Failure>,
    /// What is in the keychain for nothing; none where there is no keychain.
    pub(super) orphans: Option<Result<Orphans, Failure>>,
    pub(super) processes: Vec<Seen>,
    /// What holds the keeper; none of one that is only starting.
    pub(super) confinement: Option<Confinement>,
}

/// Whether the file vault has what opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    There,
    Gone,
}

/// Whose keeper it was.
pub(super) enum Whose {
    /// A broker's; its launcher is unknown as long as that starts.
    Broker(Option<LauncherStanding>),
    /// That of this command: no broker runs.
    Ours,
}

/// Asks.
pub(super) fn visit(session: &Session, fix: OrphanFix) -> Result<Visit, Failure> {
    let mut keeper = keeper::reach(session, Purpose::Use)?;
    let CliAnswer::Status { launcher, keeper: standing } = keeper.ask(&CliRequest::Status, None)?.answer
    else {
        return Err(unexpected());
    };
    let listed = list::all(&mut keeper)?;
    let ends =
        listed.iter().filter_map(|secret| Some((secret.handle.clone(), secret.versions.last()?.expires?)));
    let ends = ends.collect();
    let secrets = listed.into_iter().map(|secret| secret.handle).collect();
    let routes = provider::list::all(&mut keeper)?.into_iter().filter(|route| route.takes == Takes::Nothing);
    let without_secret =
        routes.filter_map(|route| Handle::parse_in_file(route.provider.as_str()).ok()).collect();
    let newest = audit::newest(&mut keeper).map(|record| record.map(|record| record.time));
    let orphans = keychain::look(&mut keeper, &standing, fix);
    let header = if session.home.has_vault() { Header::There } else { Header::Gone };
    let (whose, processes, confinement) = match keeper.ours() {
        Some(child) => {
            let seen = processes::look(None, std::slice::from_ref(&child));
            (Whose::Ours, seen, Some(child.confinement))
        }
        None => {
            let children = launcher.iter().flat_map(|launcher| &launcher.children);
            let children: Vec<ChildStanding> = children.cloned().collect();
            let seen = processes::look(launcher.as_ref().map(|launcher| launcher.pid), &children);
            let keeperd = children.into_iter().find(|child| child.kind == ChildKind::Keeperd);
            let confinement = keeperd.map(|child| child.confinement);
            (Whose::Broker(launcher), seen, confinement)
        }
    };
    let confinement = confinement.filter(|confinement| !confinement.layers.is_empty());
    keeper.end()?;
    Ok(Visit {
        whose,
        standing,
        header,
        secrets,
        without_secret,
        ends,
        newest,
        orphans,
        processes,
        confinement,
    })
}
