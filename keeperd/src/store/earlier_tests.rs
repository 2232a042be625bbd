//! Claims about versions that are kept, gone back to and dropped, and about their ends.

use proto::failure::FailureClass;
use proto::meta::{Fingerprint, Timestamp};
use proto::name::{Handle, Kind, ProviderId};
use serde::Serialize;

use super::tests::{Made, add, deposit, handle, made, opens, reopen, sealed_files};
use super::{Deposit, Place};
use crate::catalog::SecretRow;
use crate::hazmat::binding::DepositId;
use crate::hazmat::samples::{is, secret};

/// Rotates `@a` and keeps the version before until then.
fn rotate(made: &mut Made, value: &[u8], keep_until: Option<u64>) -> SecretRow {
    let what = Deposit { keep_until: keep_until.map(Timestamp), ..deposit("@a", Place::NextVersion) };
    made.store.deposit(&made.unlocked.keys, what, secret(value)).unwrap()
}

fn versions(row: &SecretRow) -> Vec<u32> {
    row.versions.iter().map(|version| version.version).collect()
}

#[test]
fn one_goes_back_until_the_end_and_not_from_then_on() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let row = rotate(&mut made, b"two", Some(100));
    assert_eq!((versions(&row), sealed_files(made.dir.path())), (vec![1, 2], 2));
    let keys = made.unlocked.keys.clone();
    let late = made.store.rollback(&keys, &handle("@a"), Timestamp(100));
    assert_eq!(late.err().map(|failure| failure.class), Some(FailureClass::BadInput));
    let back = made.store.rollback(&keys, &handle("@a"), Timestamp(99)).unwrap();
    assert_eq!((versions(&back), back.rotated), (vec![1], Some(Timestamp(99))));
    assert!(is(&opens(&made.store, &made.unlocked, &back).unwrap(), b"one"));
    assert_eq!(sealed_files(made.dir.path()), 1);
    assert!(made.store.rollback(&keys, &handle("@a"), Timestamp(99)).is_err(), "there is one way, back");
    assert_eq!(versions(&rotate(&mut made, b"three", None)), [3]);
    assert_eq!(reopen(made).2.secrets[0].current().unwrap().version, 3);
}

#[test]
fn what_is_over_is_dropped_and_what_is_not_stays() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    add(&mut made.store, &made.unlocked.keys, "@b", b"other");
    let row = rotate(&mut made, b"two", Some(100));
    made.store.drop_ended_versions(Timestamp(99)).unwrap();
    assert_eq!(made.store.drop_orphans().unwrap(), 0, "what is kept is no orphan");
    assert_eq!(made.store.contents().unwrap().secrets[0], row);
    made.store.drop_ended_versions(Timestamp(100)).unwrap();
    assert_eq!(sealed_files(made.dir.path()), 2);
    let (_dir, _store, contents) = reopen(made);
    assert_eq!(versions(&contents.secrets[0]), [2]);
    assert_eq!(versions(&contents.secrets[1]), [1]);
}

#[test]
fn only_the_version_that_is_replaced_is_kept() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    rotate(&mut made, b"two", Some(100));
    assert_eq!(versions(&rotate(&mut made, b"three", Some(100))), [2, 3]);
    assert_eq!(sealed_files(made.dir.path()), 2);
    assert_eq!(versions(&rotate(&mut made, b"four", None)), [4]);
    assert_eq!(sealed_files(made.dir.path()), 1);
}

#[test]
fn ends_belong_to_their_version_and_outlive_the_keeper() {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    let ends = |at| Some(Timestamp(at));
    let first = Deposit { expires: ends(1000), ..deposit("@a", Place::New) };
    made.store.deposit(&keys, first, secret(b"one")).unwrap();
    let second = Deposit { expires: ends(2000), keep_until: ends(100), ..deposit("@a", Place::NextVersion) };
    let row = made.store.deposit(&keys, second, secret(b"two")).unwrap();
    let of = |row: &SecretRow| {
        row.versions.iter().map(|version| (version.expires, version.kept_until)).collect::<Vec<_>>()
    };
    assert_eq!(of(&row), [(ends(1000), ends(100)), (ends(2000), None)]);
    let (dir, mut store, contents) = reopen(made);
    assert_eq!(contents.secrets, [row]);
    let back = store.rollback(&keys, &handle("@a"), Timestamp(50)).unwrap();
    assert_eq!(of(&back), [(ends(1000), None)]);
    let third = store.deposit(&keys, deposit("@a", Place::NextVersion), secret(b"three")).unwrap();
    assert_eq!(of(&third), [(None, None)], "another value has no end but its own");
    drop((dir, store));
}

/// What an earlier version of this software wrote: without ends, in the row or elsewhere.
#[derive(Serialize)]
struct FormerRow {
    handle: Handle,
    provider: ProviderId,
    kind: Kind,
    created: Timestamp,
    rotated: Option<Timestamp>,
    last_used: Option<Timestamp>,
    versions: Vec<(u32, DepositId, Fingerprint, Timestamp, bool)>,
}

#[test]
fn rows_are_written_as_before_there_were_ends() {
    let mut made = made();
    let mut row = add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let versions = row.versions.iter().cloned();
    let former = FormerRow {
        handle: row.handle.clone(),
        provider: row.provider.clone(),
        kind: row.kind,
        created: row.created,
        rotated: row.rotated,
        last_used: row.last_used,
        versions: versions
            .map(|row| (row.version, row.deposit, row.fingerprint, row.created, row.injectable.may_be()))
            .collect(),
    };
    let written = postcard::to_allocvec(&former).unwrap();
    assert_eq!(postcard::from_bytes::<SecretRow>(&written).unwrap(), row);
    row.versions[0].expires = Some(Timestamp(7));
    assert_eq!(postcard::to_allocvec(&row).unwrap(), written);
}
