//! UGENT_HOME and what lies in it: whose it is, and who else gets at it. Looks at owner, kind and
//! mode only, and never follows a link or opens a file.

use std::path::{Path, PathBuf};

use unix::owned::{self, OwnedError, Owner, Privacy};

use super::finding::{Finding, Level};
use crate::home::Home;
use crate::system::is_root;

/// What others may do, and what it means if they may do more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Others may read it. Writable by others it is refused.
    Readable,
    /// Nobody else gets in. The broker refuses it otherwise.
    Private,
    /// Meant for us alone; refused only if others can write it.
    PrivateIfOnly,
    /// With `--system`: meant for us and for the keeper's group to read; refused only if others can
    /// write it.
    Shared,
    /// Meant for us alone, and behind a directory that lets nobody else in.
    Shielded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
}

struct Known {
    id: &'static str,
    path: PathBuf,
    kind: Kind,
    rule: Rule,
    owner: Owner,
}

/// Which of the directories everything rests on are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// Nothing can be believed, or nothing is there.
    Unfit,
    /// `secrets/` is there and ours.
    Fit,
}

/// Looks at the home and all it may hold.
pub(super) fn examine(home: &Home) -> (Ground, Vec<Finding>) {
    let keeper = match home.system() {
        None => Owner::Us,
        Some(system) if is_root() => Owner::User(system.keeper.uid),
        Some(_) => return (Ground::Fit, vec![not_ours(home)]),
    };
    let mut findings = Vec::new();
    let at = |id, path: &Path, rule, owner| Known {
        id,
        path: path.to_owned(),
        kind: Kind::Directory,
        rule,
        owner,
    };
    let mut ground = Ground::Fit;
    for known in [
        at("home", home.path(), Rule::Readable, Owner::Us),
        at("secrets", &home.secrets(), Rule::Private, keeper),
    ] {
        match looked(&known) {
            Some(finding) => findings.push(finding),
            None => findings.push(not_set_up(known.id, &known.path)),
        }
        if findings.last().is_some_and(|finding| finding.level == Level::Fail) {
            ground = Ground::Unfit;
            break;
        }
    }
    findings.extend(sockets(home));
    if ground == Ground::Fit {
        findings.extend(contents(home, keeper).iter().filter_map(looked));
    }
    (ground, findings)
}

fn contents(home: &Home, keeper: Owner) -> Vec<Known> {
    let below =
        |id, name: &str, kind, rule| Known { id, path: home.secrets().join(name), kind, rule, owner: keeper };
    let beside = |id, path, kind, rule| Known { id, path, kind, rule, owner: Owner::Us };
    let policy = if home.system().is_some() { Rule::Shared } else { Rule::PrivateIfOnly };
    vec![
        below("files.catalog", "metadata.redb", Kind::File, Rule::Shielded),
        below("files.vault", "vault", Kind::Directory, Rule::Private),
        below("files.journal", "audit", Kind::Directory, Rule::Private),
        below("files.token", "broker.token", Kind::File, Rule::Shielded),
        beside("files.log", home.broker_log(), Kind::File, Rule::Shielded),
        beside("files.settings", home.settings(), Kind::File, policy),
        beside("files.grants", home.grants(), Kind::File, policy),
        beside("files.providers", home.providers(), Kind::File, policy),
        beside("files.instances", home.instances(), Kind::Directory, Rule::Readable),
    ]
}

fn looked(known: &Known) -> Option<Finding> {
    let found = match known.kind {
        Kind::Directory => owned::directory_of(&known.path, known.owner, Privacy::Private),
        Kind::File => owned::file_of(&known.path, known.owner, Privacy::Private),
    };
    judge(known, found)
}

/// Nothing is said of what is not there.
fn judge(known: &Known, found: Result<(), OwnedError>) -> Option<Finding> {
    let Known { id, path, kind, rule, owner } = known;
    let shown = path.display();
    match found {
        Ok(()) => Some(Finding::ok(
            id,
            match owner {
                Owner::Us => format!("{shown} is yours alone"),
                Owner::User(_) => format!("{shown} is the keeper's alone"),
            },
        )),
        Err(OwnedError::Missing) => None,
        Err(OwnedError::TooOpen { mode, privacy: _ }) => {
            let level = match (rule, mode & 0o022) {
                (Rule::Readable, 0) => {
                    let what = format!("{shown} is yours alone to change (mode {mode:04o})");
                    return Some(Finding::ok(id, what));
                }
                (Rule::Shared, 0) if mode & 0o007 == 0 => {
                    let what = format!("{shown} is yours alone to change (mode {mode:04o})");
                    return Some(Finding::ok(id, what));
                }
                (Rule::PrivateIfOnly | Rule::Shared, 0) | (Rule::Shielded, _) => Level::Warn,
                (Rule::Readable | Rule::Private | Rule::PrivateIfOnly | Rule::Shared, _) => Level::Fail,
            };
            let mend = match (rule, kind) {
                (Rule::Readable, _) => format!("chmod go-w {shown}"),
                (Rule::Shared, _) => format!("chown root:ugent-keeper {shown} && chmod 640 {shown}"),
                (Rule::Private | Rule::PrivateIfOnly | Rule::Shielded, Kind::Directory) => {
                    format!("chmod 700 {shown}")
                }
                (Rule::Private | Rule::PrivateIfOnly | Rule::Shielded, Kind::File) => {
                    format!("chmod 600 {shown}")
                }
            };
            Some(Finding::bad(id, level, format!("{shown} is open to others (mode {mode:04o})"), mend))
        }
        Err(
            error @ (OwnedError::Unreadable(_)
            | OwnedError::Link
            | OwnedError::WrongKind(_)
            | OwnedError::Foreign(_)),
        ) => Some(Finding::failure(id, error.failure(path))),
    }
}

fn not_set_up(id: &'static str, path: &Path) -> Finding {
    let what = format!("{} does not exist: nothing is set up here", path.display());
    Finding::fail(id, what, "ugent secret init")
}

fn not_ours(home: &Home) -> Finding {
    let what = format!("{} is root's and the keeper's, and was not looked at", home.path().display());
    Finding::warn("home", what, "sudo ugent secret doctor")
}

fn sockets(home: &Home) -> Option<Finding> {
    let failure = home.fits_sockets().err()?;
    Some(Finding::fail("home.sockets", format!("no broker can listen here: {}", failure.what), failure.hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rule: Rule, found: Result<(), OwnedError>) -> Option<Level> {
        let known = Known { id: "x", path: PathBuf::from("/h/x"), kind: Kind::File, rule, owner: Owner::Us };
        judge(&known, found).map(|finding| finding.level)
    }

    fn open(mode: u32) -> Result<(), OwnedError> {
        Err(OwnedError::TooOpen { mode, privacy: Privacy::Private })
    }

    #[test]
    fn what_others_may_do_is_judged_by_what_it_would_cost() {
        for (rule, readable, writable) in [
            (Rule::Readable, Level::Ok, Level::Fail),
            (Rule::Private, Level::Fail, Level::Fail),
            (Rule::PrivateIfOnly, Level::Warn, Level::Fail),
            (Rule::Shared, Level::Warn, Level::Fail),
            (Rule::Shielded, Level::Warn, Level::Warn),
        ] {
            assert_eq!(level(rule, Ok(())), Some(Level::Ok), "{rule:?}");
            assert_eq!(level(rule, open(0o644)), Some(readable), "{rule:?}");
            assert_eq!(level(rule, open(0o620)), Some(writable), "{rule:?}");
            assert_eq!(level(rule, Err(OwnedError::Link)), Some(Level::Fail), "{rule:?}");
            assert_eq!(level(rule, Err(OwnedError::Foreign(7))), Some(Level::Fail), "{rule:?}");
            assert_eq!(level(rule, Err(OwnedError::Missing)), None, "{rule:?}");
        }
    }

    #[test]
    fn a_home_without_secrets_says_init_and_looks_no_further() {
        let place = tempfile::tempdir().unwrap();
        let (ground, findings) = examine(&Home::at(&place.path().join("none")));
        assert_eq!(ground, Ground::Unfit);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].mend.as_deref(), Some("ugent secret init"));
        let (ground, findings) = examine(&Home::at(place.path()));
        assert_eq!(ground, Ground::Unfit);
        assert_eq!(findings.last().unwrap().id, "secrets");
    }
}
