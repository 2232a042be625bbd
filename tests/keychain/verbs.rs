//! The commands, with values in a keychain.

use tests::world::{Desktop, HANDLE, World, letters};

fn ran(world: &World, arguments: &[&str]) -> String {
    world.ugent(arguments).run().succeeded().stdout
}

#[test]
fn init_takes_the_keychain_without_a_word_and_what_is_added_shows_in_it() {
    let desktop = Desktop::unlocked();
    let world = World::bare_of_one_user().on_bus(&desktop.address());
    let told = ran(&world, &["init"]);
    assert!(told.contains("backend: keychain"), "{told}");
    assert!(!world.home().path().join("secrets/vault").exists(), "a keychain needs no directory");
    world.add(HANDLE, world.key());
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(world.key().as_bytes()));
    let shown = desktop.search(&of_key);
    assert!(shown.contains(&format!("label = UGENT: {HANDLE}")), "{shown}");
    assert!(shown.contains("attribute.version = 1"), "{shown}");
}

#[test]
fn every_verb_works_without_a_passphrase() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    let second = letters(40);
    world.rotate(HANDLE, &second);
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(second.as_bytes()), "only the new one is left");
    assert!(ran(&world, &["inspect", HANDLE]).contains("version: 2"));
    assert_eq!(world.handles(), [HANDLE]);
    let third = letters(40);
    let keep = world.ugent(&["rotate", HANDLE, "--keep", "1h", "--stdin"]);
    drop(keep.typing(third).run().succeeded());
    drop(ran(&world, &["rollback", HANDLE]));
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(second.as_bytes()), "the version before is back");
    assert!(!world.issued("a-service").is_empty(), "a token is issued");
    drop(ran(&world, &["token", "rotate"]));
    let verified = ran(&world, &["audit", "--verify"]);
    assert!(verified.contains("whole"), "{verified}");
    let rekeyed = world.ugent(&["rekey"]).run();
    assert!(rekeyed.code == Some(78) && rekeyed.stderr.contains("no passphrase"), "{}", rekeyed.stderr);
    drop(ran(&world, &["remove", HANDLE, "--yes"]));
    assert_eq!(desktop.lookup(&of_key), None, "what is removed is gone from the keychain");
    let again = ran(&world, &["init"]);
    assert!(again.contains("exists") && again.contains("backend: keychain"), "{again}");
}

#[test]
fn the_longest_value_comes_back_whole() {
    let desktop = Desktop::unlocked();
    let world = desktop.world();
    let longest = letters(64 * 1024);
    let add = world.ugent(&["add", "@long", "--stdin"]).typing(longest.clone());
    drop(add.run().succeeded());
    let found = desktop.lookup(&["application", "ugent-vault", "name", "@long"]);
    assert!(found.as_deref() == Some(longest.as_bytes()), "{:?} bytes", found.map(|found| found.len()));
}

#[test]
fn five_hundred_imported_secrets_are_listed_without_a_keychain() {
    let mut desktop = Desktop::unlocked();
    let world = desktop.world();
    let (file, value) = (world.home().around().join(".env"), letters(40));
    for part in ["A", "B"] {
        let lines: String = (0..250).map(|number| format!("KEY_{part}_{number}={value}\n")).collect();
        std::fs::write(&file, lines).unwrap();
        drop(ran(&world, &["import", "--env-file", file.to_str().unwrap(), "--all", "--yes"]));
    }
    let one = ["application", "ugent-vault", "name", "@key_b_249"];
    assert_eq!(desktop.lookup(&one).as_deref(), Some(value.as_bytes()));
    desktop.kill_bus();
    assert_eq!(world.handles().len(), 500);
}

#[test]
fn a_backup_of_the_keychain_is_restored_to_a_file_vault_and_moves_back_into_it() {
    let desktop = Desktop::unlocked();
    let (old, own) = (desktop.ready(), letters(20));
    let path = old.home().around().join("vault.backup");
    let file = path.to_str().unwrap();
    let of_file = |world: &World, verb: &str| {
        let call = world.ugent(&[verb, file, "--backup-passphrase-fd", "0"]);
        let call = call.typing(format!("{own}\n")).env("UGENT_SECRETS_PASSPHRASE", world.passphrase());
        drop(call.run().succeeded());
    };
    of_file(&old, "backup");
    let version = |world: &World| world.json(&["inspect", HANDLE, "--json"])["version"].clone();
    let new = World::bare_of_one_user().on_bus(&desktop.address());
    of_file(&new, "restore");
    let migrate = new.ugent(&["migrate", "--to", "keychain"]);
    drop(migrate.env("UGENT_SECRETS_PASSPHRASE", new.passphrase()).run().succeeded());
    assert_eq!(version(&new), version(&old));
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    assert_eq!(desktop.search(&of_key).matches("label = ").count(), 2, "each home has its own");
    drop(ran(&old, &["remove", HANDLE, "--yes"]));
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(old.key().as_bytes()), "the value came along");
}

#[test]
fn names_and_metadata_are_shown_without_a_keychain() {
    let mut desktop = Desktop::unlocked();
    let world = desktop.ready();
    desktop.kill_bus();
    assert_eq!(world.handles(), [HANDLE]);
    assert!(ran(&world, &["inspect", HANDLE]).contains("version: 1"));
    assert!(!world.audit(&[]).is_empty());
}

#[test]
fn items_that_nothing_names_are_found_by_doctor_and_removed_with_fix() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let vault = desktop.attribute("vault");
    let orphan = "00112233445566778899aabbccddeeff";
    let attributes = ["application", "ugent-vault", "vault", &vault, "item", orphan, "name", "@gone"];
    assert!(desktop.store("UGENT: @gone", &attributes, "left by a crash"));
    let elsewhere = ["application", "ugent-vault", "vault", orphan, "item", orphan, "home", "/elsewhere"];
    assert!(desktop.store("UGENT: @other", &elsewhere, "of another home"));
    let told = world.ugent(&["doctor"]).run().stdout;
    assert!(told.contains("1 item was in the keychain that no secret needs (of @gone)"), "{told}");
    assert!(desktop.lookup(&attributes).is_some(), "a look removes nothing");
    let fixed = world.ugent(&["doctor", "--fix"]).run().stdout;
    assert!(fixed.contains("1 item was removed from the keychain"), "{fixed}");
    assert_eq!(desktop.lookup(&attributes), None);
    assert!(desktop.lookup(&elsewhere).is_some(), "another home's is left alone");
    let of_key = ["application", "ugent-vault", "name", HANDLE];
    assert_eq!(desktop.lookup(&of_key).as_deref(), Some(world.key().as_bytes()));
}

#[test]
fn another_backend_than_was_chosen_is_refused_and_both_are_named() {
    let desktop = Desktop::unlocked();
    let world = desktop.ready();
    let told = world.ugent(&["list"]).env("UGENT_SECRETS_BACKEND", "file-vault").run();
    assert_eq!(told.code, Some(78));
    assert!(told.stderr.contains("keychain") && told.stderr.contains("file-vault"), "{}", told.stderr);
}
