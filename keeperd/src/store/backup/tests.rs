//! Claims about backups and restores, each on directories of its own.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use proto::control_lane::KdfCost;
use proto::failure::{Failure, FailureClass};
use proto::hazmat::pair;
use proto::meta::Timestamp;
use tempfile::TempDir;

use super::{Backup, Restored, Step};
use crate::catalog::tables;
use crate::hazmat::samples::{is, secret};
use crate::store::tests::{Made, add, deposit, handle, made, opens};
use crate::store::{Create, Place, Store};

const NOW: Timestamp = Timestamp(9);

fn new_file(dir: &TempDir) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).open(dir.path().join("backup")).unwrap()
}

/// All steps of a backup, and how many there were.
fn backed_up(made: &mut Made, vaults: &[u8], own: &[u8], file: File) -> Result<u32, Failure> {
    let both = pair::join(&secret(vaults), &secret(own)).unwrap();
    let mut backup = Backup::Asked { file, both, kdf: KdfCost::MIN, now: NOW };
    for steps in 1.. {
        match made.store.back_up(backup)? {
            Step::Begun(next) | Step::Next(next) => backup = next,
            Step::Done(_) => return Ok(steps),
        }
    }
    panic!("it ends");
}

fn restored(into: &Path, backup: &Path, own: &[u8]) -> Result<(Store, Restored), Failure> {
    let (mut store, _) = Store::open(into, Create::MayCreate).unwrap();
    let both = pair::join(&secret(own), &secret(b"another vault")).unwrap();
    let restored = store.restore(File::open(backup).unwrap(), both, KdfCost::MIN, NOW)?;
    Ok((store, restored))
}

/// A vault with a kept version, a name that is gone, and a long value; and a backup of it.
fn sample(dir: &TempDir) -> Made {
    let mut made = made();
    let keys = made.unlocked.keys.clone();
    add(&mut made.store, &keys, "@one", b"value one");
    let next = crate::store::Deposit {
        keep_until: Some(Timestamp(u64::MAX)),
        expires: Some(Timestamp(77)),
        ..deposit("@one", Place::NextVersion)
    };
    made.store.deposit(&keys, next, secret(b"value two")).unwrap();
    add(&mut made.store, &keys, "@long", &[b'x'; proto::frame::VALUE_MAX]);
    add(&mut made.store, &keys, "@gone", b"value three");
    made.store.remove(&handle("@gone")).unwrap();
    let file = new_file(dir);
    backed_up(&mut made, b"open sesame", b"own", file).unwrap();
    made
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let (dir, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut before = sample(&dir);
    let (mut store, restored) = restored(into.path(), &dir.path().join("backup"), b"own").unwrap();
    assert_eq!((restored.made, restored.totals.secrets, restored.totals.versions), (NOW, 2, 3));
    let old = before.store.contents().unwrap().secrets;
    let new = store.contents().unwrap().secrets;
    let unlocked = restored.initialized.made.unwrap();
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        let shown = |row: &crate::catalog::SecretRow| {
            let mut meta = row.meta();
            for version in &mut meta.versions {
                version.fingerprint = proto::meta::Fingerprint::parse("000000000000").unwrap();
            }
            meta
        };
        assert_eq!(shown(old), shown(new));
        assert_ne!(old.current().unwrap().deposit, new.current().unwrap().deposit);
        for (old_version, new_version) in old.versions.iter().zip(&new.versions) {
            assert_ne!(old_version.fingerprint, new_version.fingerprint, "keys of its own");
        }
    }
    let one = new.iter().find(|row| row.handle == handle("@one")).unwrap();
    assert!(is(&opens(&store, &unlocked, one).unwrap(), b"value two"));
    let gone = store.catalog.look(|read| tables::highest(read, &handle("@gone"))).unwrap();
    assert_eq!(gone, 1, "a number is never given out again");
    let row = store.rollback(&unlocked.keys, &handle("@one"), NOW).unwrap();
    assert!(is(&opens(&store, &unlocked, &row).unwrap(), b"value one"));
    assert!(store.unlock(Some(secret(b"another vault"))).is_ok());
    assert!(store.unlock(Some(secret(b"open sesame"))).is_err());
}

#[test]
fn a_wrong_passphrase_of_the_vault_gives_no_backup_and_one_of_the_backup_no_vault() {
    let (dir, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut vault = made();
    let refused = backed_up(&mut vault, b"guess", b"own", new_file(&dir)).unwrap_err();
    assert_eq!(refused.class, FailureClass::Refused);
    assert_eq!(fs::metadata(dir.path().join("backup")).unwrap().len(), 0);
    fs::remove_file(dir.path().join("backup")).unwrap();
    backed_up(&mut vault, b"open sesame", b"own", new_file(&dir)).unwrap();
    let refused = restored(into.path(), &dir.path().join("backup"), b"open sesame").err().unwrap();
    assert_eq!(refused.class, FailureClass::Refused, "{refused:?}");
    assert!(!into.path().join("vault").exists());
}

#[test]
fn a_backup_with_any_byte_changed_or_cut_anywhere_restores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut vault = made();
    let keys = vault.unlocked.keys.clone();
    add(&mut vault.store, &keys, "@one", b"value one");
    backed_up(&mut vault, b"open sesame", b"own", new_file(&dir)).unwrap();
    let whole = fs::read(dir.path().join("backup")).unwrap();
    let into = tempfile::tempdir().unwrap();
    let try_with = |bytes: &[u8], what: &str| {
        let path = dir.path().join("tried");
        fs::write(&path, bytes).unwrap();
        let refused = restored(into.path(), &path, b"own").err().expect(what);
        let is_known = matches!(refused.class, FailureClass::BadInput | FailureClass::Config);
        assert!(is_known && !refused.hint.is_empty(), "{what}: {refused:?}");
        assert!(!into.path().join("vault").exists(), "{what}: nothing was written");
    };
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        try_with(&changed, &format!("byte {at} changed"));
    }
    for length in 0..whole.len() {
        try_with(&whole[..length], &format!("cut at {length}"));
    }
    try_with(&[whole.as_slice(), b"x"].concat(), "longer");
    assert!(restored(into.path(), &dir.path().join("backup"), b"own").is_ok());
}

#[test]
fn pieces_that_are_left_out_or_exchanged_restore_nothing() {
    let (dir, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(sample(&dir));
    let whole = fs::read(dir.path().join("backup")).unwrap();
    let (header, mut rest) = whole.split_at(crate::hazmat::backup::HEADER_LEN);
    let mut pieces = Vec::new();
    while let Some(length) = rest.first_chunk::<4>() {
        let (piece, behind) = rest.split_at(8 + u32::from_le_bytes(*length) as usize);
        pieces.push(piece.to_vec());
        rest = behind;
    }
    assert!(pieces.len() >= 8, "start, two secrets, three values, names, end: {}", pieces.len());
    for at in 0..pieces.len() - 1 {
        let (mut without, mut swapped, mut doubled) = (pieces.clone(), pieces.clone(), pieces.clone());
        without.remove(at);
        swapped.swap(at, at + 1);
        doubled.insert(at, pieces[at].clone());
        for wrong in [without, swapped, doubled] {
            let path = dir.path().join("tried");
            fs::write(&path, [header, &wrong.concat()].concat()).unwrap();
            let refused = restored(into.path(), &path, b"own").err().unwrap();
            assert_eq!(refused.class, FailureClass::BadInput, "{refused:?}");
            assert!(!into.path().join("vault").exists());
        }
    }
}

#[test]
fn nothing_is_restored_where_there_is_a_vault() {
    let dir = tempfile::tempdir().unwrap();
    let mut vault = sample(&dir);
    let both = pair::join(&secret(b"own"), &secret(b"another")).unwrap();
    let file = File::open(dir.path().join("backup")).unwrap();
    let refused = vault.store.restore(file, both, KdfCost::MIN, NOW).err().unwrap();
    assert_eq!(refused.class, FailureClass::Config);
    assert!(vault.store.unlock(Some(secret(b"open sesame"))).is_ok());
}

#[test]
fn a_large_backup_takes_steps_and_secrets_may_change_between_them() {
    let (dir, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut vault = made();
    let keys = vault.unlocked.keys.clone();
    for number in 0..50 {
        add(&mut vault.store, &keys, &format!("@key{number:02}"), &[b'x'; 64 * 1024]);
    }
    let both = pair::join(&secret(b"open sesame"), &secret(b"own")).unwrap();
    let mut backup = Backup::Asked { file: new_file(&dir), both, kdf: KdfCost::MIN, now: NOW };
    let mut steps = 0;
    let totals = loop {
        steps += 1;
        if steps == 4 {
            vault.store.remove(&handle("@key49")).unwrap();
            vault.store.deposit(&keys, deposit("@key48", Place::NextVersion), secret(b"new")).unwrap();
        }
        match vault.store.back_up(backup).unwrap() {
            Step::Begun(next) | Step::Next(next) => backup = next,
            Step::Done(totals) => break totals,
        }
    };
    assert!(steps >= 8, "3 MiB written and read, a step for each: {steps}");
    assert_eq!(totals.secrets, 49);
    let (store, restored) = restored(into.path(), &dir.path().join("backup"), b"own").unwrap();
    let rows = &restored.initialized.contents.secrets;
    let changed = rows.iter().find(|row| row.handle == handle("@key48")).unwrap();
    let unlocked = restored.initialized.made.as_ref().unwrap();
    assert!(is(&opens(&store, unlocked, changed).unwrap(), b"new"));
}

#[test]
fn a_file_that_is_not_empty_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    fs::write(&path, "precious").unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert!(backed_up(&mut made(), b"open sesame", b"own", file).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}
