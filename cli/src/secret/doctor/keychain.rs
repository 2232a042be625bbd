//! A vault in a keychain: whether it answers, and what lies in it that no secret needs.

use proto::cli_lane::{CliAnswer, CliRequest, OrphanFix};
use proto::failure::Failure;
use proto::name::{Backend, Handle};
use proto::standing::KeeperStanding;

use super::finding::Finding;
use crate::keeper::{Keeper, unexpected};

/// What is in the keychain for nothing.
pub(super) struct Orphans {
    count: u32,
    first: Vec<Handle>,
    fix: OrphanFix,
}

/// Asks; none of another backend.
pub(super) fn look(
    keeper: &mut Keeper,
    standing: &KeeperStanding,
    fix: OrphanFix,
) -> Option<Result<Orphans, Failure>> {
    match standing.backend {
        Some(Backend::Keychain) => {}
        Some(Backend::FileVault) | None => return None,
    }
    Some(keeper.ask(&CliRequest::Orphans { fix }, None).and_then(|answered| {
        let CliAnswer::Orphans { count, first } = answered.answer else { return Err(unexpected()) };
        Ok(Orphans { count, first, fix })
    }))
}

pub(super) fn judge(orphans: Result<Orphans, Failure>) -> Finding {
    const ID: &str = "keychain";
    match orphans {
        Err(failure) => Finding::failure(ID, failure),
        Ok(Orphans { count: 0, .. }) => {
            Finding::ok(ID, "the keychain answers, and holds nothing that no secret needs")
        }
        Ok(Orphans { count, first, fix: OrphanFix::Remove }) => {
            Finding::ok(ID, format!("{} removed from the keychain{}", items(count), names(&first)))
        }
        Ok(Orphans { count, first, fix: OrphanFix::Look }) => {
            let what = format!("{} in the keychain that no secret needs{}", items(count), names(&first));
            Finding::warn(ID, what, "ugent secret doctor --fix")
        }
    }
}

fn items(count: u32) -> String {
    if count == 1 { "1 item was".to_owned() } else { format!("{count} items were") }
}

fn names(first: &[Handle]) -> String {
    let mut names: Vec<_> = first.iter().map(ToString::to_string).collect();
    names.dedup();
    names.truncate(8);
    if names.is_empty() { String::new() } else { format!(" (of {})", names.join(", ")) }
}
