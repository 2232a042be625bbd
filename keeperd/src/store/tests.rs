//! Claims about the store, each on a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proto::control_lane::KdfCost;
use proto::failure::FailureClass;
use proto::meta::Timestamp;
use proto::name::{Backend, Handle, Kind, ProviderId};
use tempfile::TempDir;

use super::{Contents, Create, Deposit, Initialized, Place, Store, Unlocked, Used};
use crate::catalog::{KnownToken, SecretRow, tables};
use crate::hazmat::keys::{Keys, OpenError};
use crate::hazmat::samples::{is, secret};
use crate::hazmat::token::TokenDigest;

/// A vault that was just made.
pub(crate) struct Made {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) unlocked: Unlocked,
}

pub(crate) fn made() -> Made {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), Create::MayCreate).unwrap();
    let unlocked = init(&mut store).made.unwrap();
    Made { dir, store, unlocked }
}

fn init(store: &mut Store) -> Initialized {
    store.init(Backend::FileVault, KdfCost::MIN, Some(secret(b"open sesame")), Timestamp(1)).unwrap()
}

pub(super) fn add(store: &mut Store, keys: &Keys, name: &str, value: &[u8]) -> SecretRow {
    store.deposit(keys, deposit(name, Place::New), secret(value)).unwrap()
}

pub(super) fn deposit(name: &str, place: Place) -> Deposit {
    let provider = ProviderId::parse("openai").unwrap();
    Deposit {
        handle: handle(name),
        place,
        provider,
        kind: Kind::ApiKey,
        expires: None,
        keep_until: None,
        now: Timestamp(5),
    }
}

pub(super) fn handle(name: &str) -> Handle {
    Handle::parse(name).unwrap()
}

pub(super) fn opens(
    store: &Store,
    unlocked: &Unlocked,
    row: &SecretRow,
) -> Result<proto::hazmat::SecretBytes, OpenError> {
    let version = row.current().unwrap();
    let sealed =
        super::vault_dir::read_sealed(&store.secrets, version.deposit).map_err(|_| OpenError::Damaged)?;
    unlocked.keys.open(&row.binding(unlocked.keys.vault(), version), &sealed)
}

pub(super) fn reopen(made: Made) -> (TempDir, Store, Contents) {
    let Made { dir, store, .. } = made;
    drop(store);
    let (store, contents) = Store::open(dir.path(), Create::MustExist).unwrap();
    (dir, store, contents)
}

/// Why another keeper cannot have the store, if it cannot.
fn try_open(made: &Made) -> Option<FailureClass> {
    Store::open(made.dir.path(), Create::MustExist).err().map(|failure| failure.class)
}

/// Path and content of every file below.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

pub(super) fn sealed_files(dir: &Path) -> usize {
    files(dir).keys().filter(|path| path.extension().is_some_and(|end| end == "sealed")).count()
}

#[test]
fn a_value_comes_back_after_reopening_and_unlocking() {
    let mut made = made();
    let row = add(&mut made.store, &made.unlocked.keys, "@a", b"sk-0123456789abcdef");
    let (_dir, mut store, contents) = reopen(made);
    assert_eq!(contents.secrets, vec![row.clone()]);
    let unlocked = store.unlock(Some(secret(b"open sesame"))).unwrap();
    assert!(is(&opens(&store, &unlocked, &row).unwrap(), b"sk-0123456789abcdef"));
    assert!(row.current().unwrap().injectable.may_be());
}

#[test]
fn files_and_directories_are_closed_to_others() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"x");
    for path in files(made.dir.path()).keys() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    for dir in ["vault", "audit"] {
        assert_eq!(fs::metadata(made.dir.path().join(dir)).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn no_file_holds_the_value_or_the_token_in_the_clear_but_the_tokens_own() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"canary-canary-canary");
    let token = fs::read(made.dir.path().join("broker.token")).unwrap();
    let holds = |content: &[u8], needle: &[u8]| content.windows(needle.len()).any(|part| part == needle);
    for (path, content) in files(made.dir.path()) {
        assert!(!holds(&content, b"canary-canary"), "{}", path.display());
        assert!(!holds(&content, b"open sesame"), "{}", path.display());
        assert!(path.ends_with("broker.token") || !holds(&content, &token[6..20]), "{}", path.display());
    }
}

#[test]
fn a_wrong_passphrase_is_refused_and_leaves_every_file_but_the_catalog_as_it_was() {
    let mut made = made();
    let all_else = |dir: &Path| {
        let mut files = files(dir);
        files.retain(|path, _| !path.ends_with("metadata.redb"));
        files
    };
    let before = all_else(made.dir.path());
    let failure = made.store.unlock(Some(secret(b"open says me"))).err().unwrap();
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(all_else(made.dir.path()), before);
}

#[test]
fn init_again_changes_nothing_and_says_so() {
    let mut made = made();
    let before = files(made.dir.path());
    let again = init(&mut made.store);
    assert!(again.made.is_none() && again.items.iter().all(|item| item.existed));
    let after = files(made.dir.path());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_eq!(
        before.get(&made.dir.path().join("vault/header")),
        after.get(&made.dir.path().join("vault/header"))
    );
    assert_eq!(
        before.get(&made.dir.path().join("broker.token")),
        after.get(&made.dir.path().join("broker.token"))
    );
}

#[test]
fn init_without_a_passphrase_makes_no_vault() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), Create::MayCreate).unwrap();
    let failure = store.init(Backend::FileVault, KdfCost::MIN, None, Timestamp(1)).err().unwrap();
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(!dir.path().join("vault").exists() && !dir.path().join("broker.token").exists());
}

#[test]
fn another_backend_than_the_remembered_one_is_refused_by_name() {
    let mut made = made();
    let asked = made.store.init(Backend::Keychain, KdfCost::MIN, None, Timestamp(1));
    let failure = asked.err().unwrap();
    assert_eq!(failure.class, FailureClass::Config);
    assert!(failure.what.contains("keychain") && failure.what.contains("file-vault"));
}

#[test]
fn a_lost_header_is_never_replaced_by_a_new_one() {
    let mut made = made();
    fs::remove_file(made.dir.path().join("vault/header")).unwrap();
    let asked = made.store.init(Backend::FileVault, KdfCost::MIN, Some(secret(b"x")), Timestamp(1));
    assert_eq!(asked.err().unwrap().class, FailureClass::BadInput);
    assert!(!made.dir.path().join("vault/header").exists());
}

#[test]
fn a_crash_between_header_and_catalog_leaves_a_vault_that_init_completes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), Create::MayCreate).unwrap();
    store.make_vault(KdfCost::MIN, Some(secret(b"open sesame"))).unwrap();
    drop(store);
    let (mut store, contents) = Store::open(dir.path(), Create::MayCreate).unwrap();
    assert!(contents.vault.is_none());
    let again = init(&mut store);
    assert!(again.made.is_none() && again.contents.vault.is_some());
    assert!(store.unlock(Some(secret(b"open sesame"))).is_ok());
}

#[test]
fn a_lost_catalog_is_never_replaced_by_an_empty_one() {
    let mut made = made();
    add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let Made { dir, store, .. } = made;
    drop(store);
    fs::remove_file(dir.path().join("metadata.redb")).unwrap();
    let before = files(dir.path());
    let failure = Store::open(dir.path(), Create::MayCreate).err().unwrap();
    assert_eq!(failure.class, FailureClass::BadInput);
    assert_eq!(files(dir.path()), before);
}

#[test]
fn without_a_catalog_reading_says_what_to_type_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let failure = Store::open(dir.path(), Create::MustExist).err().unwrap();
    assert_eq!((failure.class, failure.hint.as_str()), (FailureClass::Config, "ugent secret init"));
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_second_keeper_is_told_to_try_again() {
    let made = made();
    let failure = Store::open(made.dir.path(), Create::MayCreate).err().unwrap();
    assert_eq!(failure.class, FailureClass::TryAgain);
    let (dir, store, _) = reopen(made);
    let failure = Store::open(dir.path(), Create::MustExist).err().unwrap();
    assert_eq!(failure.class, FailureClass::TryAgain);
    drop(store);
    assert!(Store::open(dir.path(), Create::MustExist).is_ok());
}

#[test]
fn a_catalog_cut_or_overwritten_is_damaged_and_stays_as_it_is() {
    for content in [&b""[..], b"not a catalog", &[0; 8192]] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metadata.redb");
        fs::write(&path, content).unwrap();
        let failure = Store::open(dir.path(), Create::MayCreate).err().unwrap();
        assert_eq!(failure.class, FailureClass::BadInput);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn names_must_be_free_to_add_and_taken_to_rotate_or_remove() {
    let mut made = made();
    let keys = &made.unlocked.keys;
    add(&mut made.store, keys, "@a", b"one");
    let before = files(&made.dir.path().join("vault"));
    for (name, place) in [("@a", Place::New), ("@b", Place::NextVersion)] {
        let failure = made.store.deposit(keys, deposit(name, place), secret(b"two")).unwrap_err();
        assert_eq!(failure.class, FailureClass::BadInput);
    }
    assert_eq!(made.store.remove(&handle("@b")).unwrap_err().class, FailureClass::BadInput);
    assert_eq!(files(&made.dir.path().join("vault")), before);
}

#[test]
fn an_empty_value_or_one_with_a_nul_is_refused() {
    let mut made = made();
    for value in [&b""[..], b"a\0b"] {
        let failure =
            made.store.deposit(&made.unlocked.keys, deposit("@a", Place::New), secret(value)).unwrap_err();
        assert_eq!(failure.class, FailureClass::BadInput);
    }
    assert_eq!(sealed_files(made.dir.path()), 0);
}

#[test]
fn rotating_replaces_the_value_and_drops_the_old_file() {
    let mut made = made();
    let keys = &made.unlocked.keys;
    let first = add(&mut made.store, keys, "@a", b"one");
    let second = made.store.deposit(keys, deposit("@a", Place::NextVersion), secret(b"two")).unwrap();
    assert_eq!(second.versions.len(), 1);
    assert_eq!(second.current().unwrap().version, 2);
    assert_eq!((second.rotated, first.rotated), (Some(Timestamp(5)), None));
    assert!(is(&opens(&made.store, &made.unlocked, &second).unwrap(), b"two"));
    assert_eq!(sealed_files(made.dir.path()), 1);
}

#[test]
fn versions_of_a_name_are_never_reused_after_removal() {
    let mut made = made();
    let keys = &made.unlocked.keys;
    add(&mut made.store, keys, "@a", b"one");
    made.store.deposit(keys, deposit("@a", Place::NextVersion), secret(b"two")).unwrap();
    made.store.remove(&handle("@a")).unwrap();
    assert_eq!(sealed_files(made.dir.path()), 0);
    assert_eq!(add(&mut made.store, keys, "@a", b"three").current().unwrap().version, 3);
}

#[test]
fn sealed_files_exchanged_open_neither_secret() {
    let mut made = made();
    let keys = &made.unlocked.keys;
    let (a, b) = (add(&mut made.store, keys, "@a", b"one"), add(&mut made.store, keys, "@b", b"two"));
    let path = |row: &SecretRow| {
        made.dir.path().join("vault").join(format!("{}.sealed", row.current().unwrap().deposit))
    };
    fs::rename(path(&a), made.dir.path().join("x")).unwrap();
    fs::rename(path(&b), path(&a)).unwrap();
    fs::rename(made.dir.path().join("x"), path(&b)).unwrap();
    assert_eq!(opens(&made.store, &made.unlocked, &a).err(), Some(OpenError::Damaged));
    assert_eq!(opens(&made.store, &made.unlocked, &b).err(), Some(OpenError::Damaged));
}

#[test]
fn every_part_of_the_binding_is_bound() {
    let mut made = made();
    let keys = &made.unlocked.keys;
    let row = add(&mut made.store, keys, "@a", b"one");
    let others = [
        SecretRow { handle: handle("@b"), ..row.clone() },
        SecretRow { provider: ProviderId::generic(), ..row.clone() },
        SecretRow { kind: Kind::Other, ..row.clone() },
        {
            let mut other = row.clone();
            other.versions[0].version = 2;
            other
        },
    ];
    assert!(opens(&made.store, &made.unlocked, &row).is_ok());
    for other in others {
        assert_eq!(opens(&made.store, &made.unlocked, &other).err(), Some(OpenError::Damaged));
    }
}

#[test]
fn a_sealed_file_cut_or_flipped_anywhere_is_damaged() {
    let mut made = made();
    let row = add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let path = made.dir.path().join("vault").join(format!("{}.sealed", row.current().unwrap().deposit));
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(opens(&made.store, &made.unlocked, &row).err(), Some(OpenError::Damaged));
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, flipped).unwrap();
        assert_eq!(opens(&made.store, &made.unlocked, &row).err(), Some(OpenError::Damaged));
    }
}

#[test]
fn orphans_of_a_crash_are_dropped_and_nothing_else() {
    let mut made = made();
    let row = add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let vault = made.dir.path().join("vault");
    fs::write(vault.join(format!("{}.sealed", "0".repeat(32))), b"written, never committed").unwrap();
    fs::write(vault.join("header.new"), b"half").unwrap();
    fs::write(vault.join("notes.txt"), b"not ours").unwrap();
    fs::write(made.dir.path().join("metadata.redb.0123.new"), b"half").unwrap();
    assert_eq!(made.store.drop_orphans().unwrap(), 2);
    assert!(opens(&made.store, &made.unlocked, &row).is_ok());
    assert!(vault.join("notes.txt").exists() && vault.join("header").exists());
    assert!(!made.dir.path().join("metadata.redb.0123.new").exists());
    assert_eq!(made.store.drop_orphans().unwrap(), 0);
}

#[test]
fn fingerprints_are_equal_for_equal_values_and_only_within_one_vault() {
    let (mut one, mut two) = (made(), made());
    let print = |made: &mut Made, name: &str, value: &[u8]| {
        add(&mut made.store, &made.unlocked.keys, name, value).current().unwrap().fingerprint.clone()
    };
    let first = print(&mut one, "@a", b"value");
    assert_eq!(first, print(&mut one, "@b", b"value"));
    assert_ne!(first, print(&mut one, "@c", b"other"));
    assert_ne!(first, print(&mut two, "@a", b"value"));
}

#[test]
fn last_used_is_kept_for_those_that_exist() {
    let mut made = made();
    let row = add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    assert_eq!(row.last_used, None);
    let token = made.store.contents().unwrap().tokens.remove(0).digest;
    let secrets = vec![(handle("@a"), Timestamp(77)), (handle("@gone"), Timestamp(78))];
    let tokens = vec![(token, Timestamp(79)), (TokenDigest([9; 32]), Timestamp(80))];
    made.store.used(&Used { secrets, tokens }).unwrap();
    let (_dir, _store, contents) = reopen(made);
    assert_eq!(contents.secrets.len(), 1);
    assert_eq!(contents.secrets[0].last_used, Some(Timestamp(77)));
    assert_eq!(contents.tokens.len(), 1);
    assert_eq!(contents.tokens[0].last_used, Some(Timestamp(79)));
}

#[test]
fn the_bootstrap_token_is_one_row_and_is_made_again_when_its_file_goes() {
    let mut made = made();
    let path = made.dir.path().join("broker.token");
    let first = fs::read(&path).unwrap();
    assert!(made.store.bootstrap_token(Timestamp(2)).unwrap().is_none());
    for damage in [None, Some(&b"ugent_half"[..])] {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(content) => fs::write(&path, content).unwrap(),
        }
        let (digest, row) = made.store.bootstrap_token(Timestamp(2)).unwrap().unwrap();
        assert_ne!(fs::read(&path).unwrap(), first);
        let tokens = made.store.contents().unwrap().tokens;
        assert!(row.is_bootstrap());
        assert_eq!(tokens, vec![KnownToken { digest, row, last_used: None }]);
    }
}

#[test]
fn a_link_in_the_place_of_a_file_or_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(dir.path(), Create::MayCreate).unwrap();
    symlink(elsewhere.path(), dir.path().join("vault")).unwrap();
    let asked = store.init(Backend::FileVault, KdfCost::MIN, Some(secret(b"x")), Timestamp(1));
    assert_eq!(asked.err().unwrap().class, FailureClass::Config);
    assert!(files(elsewhere.path()).is_empty());
    drop(store);
    assert_eq!(Store::open(dir.path(), Create::MustExist).err().unwrap().class, FailureClass::Config);
    fs::remove_file(dir.path().join("vault")).unwrap();
    fs::rename(dir.path().join("metadata.redb"), elsewhere.path().join("metadata.redb")).unwrap();
    symlink(elsewhere.path().join("metadata.redb"), dir.path().join("metadata.redb")).unwrap();
    let failure = Store::open(dir.path(), Create::MayCreate).err().unwrap();
    assert_eq!(failure.class, FailureClass::Config);
}

#[test]
fn a_failed_change_leaves_the_catalog_as_it_was_and_usable() {
    let mut made = made();
    let row = add(&mut made.store, &made.unlocked.keys, "@a", b"one");
    let failed = made.store.catalog.change(|write| {
        tables::remove_secret(write, &row.handle)?;
        Err(redb::Error::Io(std::io::ErrorKind::StorageFull.into()))
    });
    assert_eq!(failed.unwrap_err().class, FailureClass::Io);
    // The database that failed is gone, and the lock is not: it guards the journal too.
    assert_eq!(try_open(&made), Some(FailureClass::TryAgain));
    assert_eq!(made.store.contents().unwrap().secrets, vec![row]);
    add(&mut made.store, &made.unlocked.keys, "@b", b"two");
    assert_eq!(try_open(&made), Some(FailureClass::TryAgain));
    let (_dir, _store, contents) = reopen(made);
    assert_eq!(contents.secrets.len(), 2);
}
