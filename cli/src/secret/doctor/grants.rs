//! Grants and providers: whether the keeper takes the files, and whether grants and secrets meet.
//!
//! keeperd alone decides what a grant allows; here only the names in a file that it has taken are
//! compared with the names of secrets.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use proto::name::Handle;
use proto::standing::{GrantsStanding, KeeperStanding};
use serde::Deserialize;

use super::finding::Finding;
use crate::home::Home;

/// keeperd takes no longer file.
const FILE_MAX: u64 = 8 * 1024 * 1024;

/// What there is to say of both files.
pub(super) fn judge(
    home: &Home,
    standing: &KeeperStanding,
    secrets: &[Handle],
    without_secret: &[Handle],
) -> Vec<Finding> {
    let path = home.grants();
    let mut findings = match &standing.grants {
        GrantsStanding::Missing => vec![Finding::warn(
            "grants",
            format!("{} does not exist, so everything is denied", path.display()),
            format!("write it, {}, with a [[grants]] for each use of a secret", home.policy_access()),
        )],
        GrantsStanding::Refused(why) => vec![refused("grants", &path, why, "everything is denied")],
        GrantsStanding::Loaded(count) => {
            let said = format!("{} is in force: {count} {}", path.display(), grants(*count));
            let mut findings = vec![Finding::ok("grants", said)];
            if let Some(mut named) = named(&path) {
                named.retain(|handle| !without_secret.contains(handle) || secrets.contains(handle));
                findings.extend(meet(&path, &named, secrets));
            }
            findings
        }
    };
    if let Some(why) = &standing.providers_refused {
        findings.push(refused("providers", &home.providers(), why, "the built-in ones go on as they are"));
    }
    findings
}

const fn grants(count: u32) -> &'static str {
    if count == 1 { "grant" } else { "grants" }
}

/// As an editor finds it: `path:line:column`.
fn refused(id: &'static str, path: &Path, why: &str, so: &str) -> Finding {
    let shown = path.display();
    match place(why) {
        Some((line, column, why)) => Finding::fail(
            id,
            format!("{shown}:{line}:{column}: {why}; so {so}"),
            format!("edit line {line} of {shown}; a change counts within a second"),
        ),
        None => Finding::fail(
            id,
            format!("{shown} is refused: {why}; so {so}"),
            format!("mend {shown}; a change counts within a second"),
        ),
    }
}

/// keeperd's `line L, column C: what`, taken apart.
fn place(why: &str) -> Option<(u64, u64, &str)> {
    let (line, rest) = why.strip_prefix("line ")?.split_once(", column ")?;
    let (column, what) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, what))
}

/// Names in the file, if we can read it; with `--system` only root and the keeper can. That it should
/// be readable is another check's to say.
fn named(path: &Path) -> Option<BTreeSet<Handle>> {
    #[derive(Deserialize)]
    struct Written {
        #[serde(default)]
        grants: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        secret_ref: String,
    }
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text)).ok()?;
    let rows = toml::from_str::<Written>(&text).ok()?.grants.into_iter();
    Some(rows.filter_map(|row| Handle::parse_in_file(&row.secret_ref).ok()).collect())
}

fn meet(path: &Path, granted: &BTreeSet<Handle>, secrets: &[Handle]) -> Vec<Finding> {
    let missing: Vec<&Handle> = granted.iter().filter(|handle| !secrets.contains(handle)).collect();
    let unused: Vec<&Handle> = secrets.iter().filter(|handle| !granted.contains(handle)).collect();
    let mut findings = Vec::new();
    if let Some(first) = missing.first() {
        findings.push(Finding::warn(
            "grants.missing_secrets",
            format!("grants name secrets that do not exist: {}", list(&missing)),
            format!("ugent secret add {first} --stdin < FILE, or take its grants out of {}", path.display()),
        ));
    }
    if let Some(first) = unused.first() {
        let bare = first.to_string();
        findings.push(Finding::warn(
            "grants.unused_secrets",
            format!("no grant names these secrets, so nobody can use them: {}", list(&unused)),
            format!(
                "add a [[grants]] with secret_ref = \"{}\" to {}",
                bare.trim_start_matches('@'),
                path.display()
            ),
        ));
    }
    findings
}

fn list(handles: &[&Handle]) -> String {
    handles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn handle(text: &str) -> Handle {
        Handle::parse(text).unwrap()
    }

    fn standing(grants: GrantsStanding) -> KeeperStanding {
        KeeperStanding {
            home: String::new(),
            backend: None,
            locked: true,
            secrets: 0,
            grants,
            providers_refused: None,
            journal_broken: None,
        }
    }

    #[test]
    fn a_refused_file_is_named_as_an_editor_finds_it() {
        let home = Home::at(Path::new("/h"));
        let refused = |why: &str| {
            let standing = standing(GrantsStanding::Refused(why.to_owned()));
            judge(&home, &standing, &[], &[]).pop().unwrap()
        };
        let found = refused("line 3, column 14: unknown field …");
        assert_eq!(found.level, Level::Fail);
        assert!(found.what.starts_with("/h/secrets.grants.toml:3:14: unknown field"), "{}", found.what);
        assert!(found.mend.unwrap().contains("edit line 3 of /h/secrets.grants.toml"));
        let found = refused("it is a symbolic link");
        assert!(found.what.contains("is refused: it is a symbolic link"), "{}", found.what);
    }

    #[test]
    fn a_missing_grants_file_is_a_warning_and_a_refused_providers_file_a_failure() {
        let home = Home::at(Path::new("/h"));
        let mut standing = standing(GrantsStanding::Missing);
        standing.providers_refused = Some("line 1, column 1: no".to_owned());
        let levels: Vec<_> = judge(&home, &standing, &[], &[]).into_iter().map(|f| (f.id, f.level)).collect();
        assert_eq!(levels, [("grants", Level::Warn), ("providers", Level::Fail)]);
    }

    #[test]
    fn grants_and_secrets_that_do_not_meet_are_named() {
        let granted = BTreeSet::from([handle("@both"), handle("@gone")]);
        let found = meet(Path::new("/h/g"), &granted, &[handle("@both"), handle("@lonely")]);
        let ids: Vec<_> = found.iter().map(|finding| finding.id).collect();
        assert_eq!(ids, ["grants.missing_secrets", "grants.unused_secrets"]);
        assert!(found[0].what.ends_with(": @gone") && found[1].what.ends_with(": @lonely"));
        assert!(found[1].mend.as_deref().unwrap().contains("secret_ref = \"lonely\""));
        assert!(meet(Path::new("/h/g"), &BTreeSet::from([handle("@a")]), &[handle("@a")]).is_empty());
    }
}
