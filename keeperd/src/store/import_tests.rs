//! Claims about importing: all of it, or none.

use proto::cli_lane::Likeness;

use super::tests::{add, deposit, handle, made, opens};
use super::*;
use crate::hazmat::samples::{is, secret};

#[test]
fn all_that_was_staged_is_there_after_one_commit() {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    let values: [(&str, &[u8]); 2] = [("@a", b"value a"), ("@b", b"value b")];
    let staged: Vec<_> = values
        .iter()
        .map(|(name, value)| made.store.stage(&keys, &deposit(name, Place::New), secret(value)).unwrap())
        .collect();
    assert!(made.store.contents().unwrap().secrets.is_empty());
    let rows = made.store.import(&keys, staged).unwrap();
    assert_eq!(made.store.contents().unwrap().secrets, rows);
    for (row, (_, value)) in rows.iter().zip(values) {
        assert!(is(&opens(&made.store, &made.unlocked, row).unwrap(), value));
    }
    assert_eq!(made.store.drop_orphans().unwrap(), 0);
}

#[test]
fn one_that_is_taken_meanwhile_keeps_all_out() {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    let staged: Vec<_> = ["@a", "@b", "@c"]
        .iter()
        .map(|name| made.store.stage(&keys, &deposit(name, Place::New), secret(b"value")).unwrap())
        .collect();
    add(&mut made.store, &keys, "@b", b"somebody else's");
    assert_eq!(made.store.import(&keys, staged).unwrap_err().class, FailureClass::BadInput);
    let rows = made.store.contents().unwrap().secrets;
    assert_eq!(rows.iter().map(|row| row.handle.clone()).collect::<Vec<_>>(), [handle("@b")]);
    assert_eq!(made.store.drop_orphans().unwrap(), 0, "and no file is left");
}

#[test]
fn what_cannot_be_written_keeps_all_out() {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    let staged: Vec<_> = ["@a", "@b"]
        .iter()
        .map(|name| made.store.stage(&keys, &deposit(name, Place::New), secret(b"value")).unwrap())
        .collect();
    let second = staged[1].row.versions[0].deposit;
    let blocked = made.dir.path().join(format!("vault/{second}.sealed"));
    std::fs::create_dir(&blocked).unwrap();
    assert!(made.store.import(&keys, staged).is_err());
    assert!(made.store.contents().unwrap().secrets.is_empty());
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(made.store.drop_orphans().unwrap(), 0, "and no file is left");
}

#[test]
fn a_value_is_compared_with_what_its_file_holds() {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    add(&mut made.store, &keys, "@a", b"value a");
    let mut like = |shown: &[u8]| made.store.compare(&keys, &handle("@a"), &secret(shown)).unwrap();
    assert_eq!(like(b"value a"), (1, Likeness::Same));
    for other in [&b"value b"[..], b"value", b"value a ", b"Value a"] {
        assert_eq!(like(other), (1, Likeness::Different));
    }
    assert_eq!(
        made.store.compare(&keys, &handle("@b"), &secret(b"x")).unwrap_err().class,
        FailureClass::BadInput
    );
}
