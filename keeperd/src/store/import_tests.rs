//! Claims about importing: all of it, or none.

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
