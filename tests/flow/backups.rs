//! Backups, and vaults made of them: what comes back is what there was.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tests::world::http::Ask;
use tests::world::{Outcome, World, key, passphrase};

const PASSPHRASE: &str = "UGENT_SECRETS_PASSPHRASE";

fn file(world: &World) -> PathBuf {
    world.home().around().join("vault.backup")
}

/// Backs up, under that passphrase.
fn backed_up(world: &World, own: &str) -> Outcome {
    let path = file(world);
    let arguments = ["backup", path.to_str().unwrap(), "--backup-passphrase-fd", "0"];
    let told = world.ugent(&arguments).typing(format!("{own}\n")).run();
    assert!(own.len() < 4 || !format!("{}{}", told.stdout, told.stderr).contains(own));
    told
}

/// Restores another world's backup into this one.
fn restored(world: &World, of: &World, own: &str) -> Outcome {
    let path = file(of);
    let arguments = ["restore", path.to_str().unwrap(), "--backup-passphrase-fd", "0"];
    let told = world.ugent(&arguments).typing(format!("{own}\n")).run();
    assert!(own.len() < 4 || !format!("{}{}", told.stdout, told.stderr).contains(own));
    told
}

#[test]
fn a_restored_vault_has_every_version_and_serves() {
    let (old, own) = (World::ready(), passphrase());
    let (first, second) = (key(), key());
    drop(
        old.ugent(&["add", "@kept", "--provider", "openai", "--stdin"])
            .typing(first.as_str())
            .run()
            .succeeded(),
    );
    let rotate = old.ugent(&["rotate", "@kept", "--keep", "24h", "--stdin"]);
    drop(rotate.typing(second.as_str()).run().succeeded());
    drop(backed_up(&old, &own).succeeded());
    assert_eq!(std::fs::metadata(file(&old)).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(old.events("vault.backed_up")[0]["count"], 2);

    let new = World::bare();
    drop(restored(&new, &old, &own).succeeded());
    let versions = |world: &World| world.json(&["inspect", "@kept", "--json"])["version"].clone();
    assert_eq!((new.handles(), versions(&new)), (old.handles(), versions(&old)));
    assert_eq!(new.events("vault.restored")[0]["count"], 2);
    drop(new.ugent(&["audit", "--verify"]).run().succeeded());
    // By the new vault's own passphrase, and by no other.
    new.ugent(&["rollback", "@kept"]).env(PASSPHRASE, old.passphrase()).run().refused(77, &[]);
    drop(new.ugent(&["rollback", "@kept"]).run().succeeded());
    new.home().write("secrets.grants.toml", &World::grant_of("kept", "ugent-core", "localhost", 300));
    new.standin().accept_only(&first);
    let broker = new.broker();
    assert_eq!(new.ask(&Ask::chat()).status, 200, "the value that was rolled back to");
    drop(new.ugent(&["rotate", "@kept", "--stdin"]).typing(key()).run().succeeded());
    assert_eq!(versions(&new), 3, "numbers go on where they were");
    let _ = broker.stop().succeeded();
}

#[test]
fn a_broker_serves_while_it_backs_up_locked_or_not() {
    let (world, own) = (World::ready(), passphrase());
    for number in 0..24 {
        let add = world.ugent(&["add", &format!("@large{number}"), "--stdin"]);
        drop(add.typing(vec![b'v'; 64 * 1024]).run().succeeded());
    }
    let broker = world.broker();
    let path = file(&world);
    let arguments = ["backup", path.to_str().unwrap(), "--backup-passphrase-fd", "0"];
    let mut backup = world.ugent(&arguments).typing(own.as_str()).start();
    while !backup.ends_within(std::time::Duration::ZERO) {
        assert_eq!(world.ask(&Ask::chat()).status, 200);
    }
    drop(backup.outcome().succeeded());
    std::fs::remove_file(&path).unwrap();
    drop(world.ugent(&["lock"]).run().succeeded());
    drop(backed_up(&world, &own).succeeded());
    assert_eq!(broker.status_of("/readyz"), Some(503), "it stays locked");
    assert_eq!(world.events("vault.backup_begun").len(), 2);
    let new = World::bare();
    drop(restored(&new, &world, &own).succeeded());
    assert_eq!(new.handles().len(), 25);
}

#[test]
fn who_has_not_the_vaults_passphrase_gets_no_backup_though_the_vault_is_open() {
    let world = World::ready();
    let broker = world.broker();
    let path = file(&world);
    let arguments = ["backup", path.to_str().unwrap(), "--backup-passphrase-fd", "0"];
    let guess = world.ugent(&arguments).env(PASSPHRASE, "a guess").typing("own");
    guess.run().refused(77, &["the passphrase does not open the vault"]);
    assert!(!path.exists());
    assert_eq!(world.events("vault.unlock_failed").len(), 1);
    assert!(world.events("vault.backup_begun").is_empty());
    let _ = broker.stop().succeeded();
}

#[test]
fn a_file_that_is_there_is_left_as_it_is_and_nobody_is_asked() {
    let world = World::ready();
    std::fs::write(file(&world), "precious").unwrap();
    backed_up(&world, "own passphrase").refused(65, &["is there already"]);
    assert_eq!(std::fs::read(file(&world)).unwrap(), b"precious");
    assert!(world.events("vault.backup_begun").is_empty());
}

#[test]
fn what_makes_no_passphrase_or_no_file_is_refused_before_anything_is_done() {
    let world = World::ready();
    for none in ["", "  ", "a\0b"] {
        backed_up(&world, none).refused(65, &["passphrase"]);
    }
    let both = ["backup", "x", "--passphrase-fd", "0", "--backup-passphrase-fd", "0"];
    world.ugent(&both).typing("one").run().refused(64, &["one descriptor"]);
    world.ugent(&["backup", "x"]).run().refused(77, &["the backup's passphrase is needed"]);
    let nowhere = ["backup", "/nonexistent/x", "--backup-passphrase-fd", "0"];
    world.ugent(&nowhere).typing("one").run().refused(74, &["/nonexistent/x"]);
    World::bare().ugent(&["backup", "x"]).run().refused(78, &[]);
    assert!(!file(&world).exists() && world.events("vault.backup_begun").is_empty());
}
