//! Claims about tokens in the store, each on a directory of its own.

use std::fs;

use proto::failure::FailureClass;
use proto::meta::{Timestamp, TokenUse};
use proto::name::Consumer;

use super::tests::{Made, made};
use super::{KnownToken, NewToken, Store};
use crate::catalog::token_table::{self, Earlier};
use crate::hazmat::samples::secret;
use crate::hazmat::token::TokenDigest;

fn new(ttl_ms: Option<u64>, now: u64) -> NewToken {
    NewToken { consumer: Consumer::parse("context-engine").unwrap(), ttl_ms, now: Timestamp(now) }
}

fn tokens(store: &mut Store) -> Vec<KnownToken> {
    store.contents().unwrap().tokens
}

fn file(made: &Made) -> Vec<u8> {
    fs::read(made.dir.path().join("broker.token")).unwrap()
}

/// Ends of the bootstrap tokens, the current one's first.
fn ends(store: &mut Store) -> Vec<Option<u64>> {
    let all = tokens(store).into_iter().filter(|known| known.row.used_as == TokenUse::Bootstrap);
    let mut ends: Vec<_> = all.map(|known| known.row.expires.map(|end| end.0)).collect();
    ends.sort_unstable();
    ends
}

fn rotate(made: &mut Made, grace_ms: u64, now: u64) {
    made.store.rotate_token(Some(secret(b"open sesame")), grace_ms, Timestamp(now)).unwrap();
}

#[test]
fn an_issued_token_is_kept_as_its_digest_and_nothing_else() {
    let mut made = made();
    let (token, change) = made.store.issue_token(Some(secret(b"open sesame")), new(Some(1000), 5)).unwrap();
    let known = tokens(&mut made.store).into_iter().find(|known| known.row.id == change.row.id).unwrap();
    assert!(known.digest == TokenDigest::of(&token));
    assert_eq!(known.row.expires, Some(Timestamp(1005)));
    assert_eq!(known.row.used_as, TokenUse::Issued);
    assert!(change.tokens.contains(&known));
}

#[test]
fn a_wrong_passphrase_issues_and_rotates_nothing() {
    let mut made = made();
    let (before, content) = (tokens(&mut made.store), file(&made));
    let issued = made.store.issue_token(Some(secret(b"open sesam")), new(None, 5)).err().unwrap();
    let rotated = made.store.rotate_token(Some(secret(b"open sesam")), 0, Timestamp(5)).err().unwrap();
    assert_eq!((issued.class, rotated.class), (FailureClass::Refused, FailureClass::Refused));
    assert_eq!((tokens(&mut made.store), file(&made)), (before, content));
}

#[test]
fn a_revoked_token_is_gone_and_an_unknown_one_is_bad_input() {
    let mut made = made();
    let id = made.store.issue_token(Some(secret(b"open sesame")), new(None, 5)).unwrap().1.row.id;
    assert_eq!(made.store.revoke_token(&id, Timestamp(6)).unwrap().row.id, id);
    assert!(tokens(&mut made.store).iter().all(|known| known.row.id != id));
    let again = made.store.revoke_token(&id, Timestamp(6)).err().unwrap();
    assert_eq!(again.class, FailureClass::BadInput);
}

#[test]
fn rows_of_tokens_that_are_over_are_dropped() {
    let mut made = made();
    drop(made.store.issue_token(Some(secret(b"open sesame")), new(Some(10), 5)).unwrap());
    made.store.drop_ended_tokens(Timestamp(14)).unwrap();
    assert_eq!(tokens(&mut made.store).len(), 2);
    made.store.drop_ended_tokens(Timestamp(15)).unwrap();
    assert_eq!(tokens(&mut made.store).len(), 1);
}

#[test]
fn rotation_ends_what_was_there_at_once_or_after_its_grace() {
    let mut made = made();
    let first = file(&made);
    rotate(&mut made, 100, 10);
    assert_ne!(file(&made), first);
    assert_eq!(ends(&mut made.store), [None, Some(110)]);
    rotate(&mut made, 500, 20);
    assert_eq!(ends(&mut made.store), [None, Some(110), Some(520)], "a grace is never made longer");
    rotate(&mut made, 0, 30);
    assert_eq!(ends(&mut made.store), [None]);
    assert!(made.store.bootstrap_token(Timestamp(31)).unwrap().is_none(), "the file has the current one");
}

#[test]
fn a_crash_between_row_and_file_is_mended_and_leaves_a_grace_as_it_is() {
    let mut made = made();
    let old = file(&made);
    let digest = TokenDigest([9; 32]);
    let row = tokens(&mut made.store).remove(0).row;
    let until = Earlier::Until(Timestamp(100));
    made.store.catalog.change(|write| token_table::put_bootstrap(write, &digest, &row, until)).unwrap();
    let mended = made.store.bootstrap_token(Timestamp(20)).unwrap();
    assert!(mended.is_some_and(|(found, _)| found != digest));
    assert_ne!(file(&made), old);
    assert_eq!(ends(&mut made.store), [None, Some(100)]);
    assert!(tokens(&mut made.store).iter().all(|known| known.digest != digest), "nobody has that one");
}

#[test]
fn a_file_that_cannot_be_put_in_place_leaves_the_old_token() {
    let mut made = made();
    let before = tokens(&mut made.store);
    let path = made.dir.path().join("broker.token");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let failed = made.store.rotate_token(Some(secret(b"open sesame")), 0, Timestamp(5)).err().unwrap();
    assert_eq!(failed.class, FailureClass::Io);
    assert_eq!(tokens(&mut made.store), before);
    assert!(!made.dir.path().join("broker.token.new").exists());
}

#[test]
fn without_a_bootstrap_token_rotation_says_what_to_do_instead() {
    let mut made = made();
    let digest = tokens(&mut made.store).remove(0).digest;
    made.store.catalog.change(|write| token_table::remove(write, &digest)).unwrap();
    let failed = made.store.rotate_token(Some(secret(b"open sesame")), 0, Timestamp(5)).err().unwrap();
    assert_eq!(failed.class, FailureClass::Config);
    assert!(failed.hint.contains("ugent secret token issue"), "{}", failed.hint);
}
