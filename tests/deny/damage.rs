//! Vaults that were cut, flipped, swapped, or made by a later version: said to be so, never opened.

use std::path::PathBuf;

use tests::world::http::Ask;
use tests::world::{HANDLE, World, key};

fn header(world: &World) -> PathBuf {
    world.home().path().join("secrets/vault/header")
}

/// With that header a command is refused with that code, and the header stays as it is.
fn header_is_refused(change: impl Fn(&mut Vec<u8>), code: i32) {
    let world = World::ready();
    let whole = std::fs::read(header(&world)).unwrap();
    let mut changed = whole.clone();
    change(&mut changed);
    std::fs::write(header(&world), &changed).unwrap();
    let before = world.home().deposits();
    world.ugent(&["add", "@new", "--stdin"]).typing("0123456789").run().refused(code, &["vault"]);
    assert!(world.home().deposits() == before, "nothing was changed");
    world.launcher().run().refused(code, &["vault"]);

    std::fs::write(header(&world), &whole).unwrap();
    assert_eq!(world.handles(), [HANDLE], "with the header back everything is there");
    world.rotate(HANDLE, &key());
}

#[test]
fn a_header_cut_short_is_damage() {
    header_is_refused(|bytes| bytes.truncate(bytes.len() / 2), 65);
    header_is_refused(|bytes| bytes.truncate(bytes.len() - 1), 65);
    header_is_refused(Vec::clear, 65);
}

#[test]
fn a_header_with_a_flipped_bit_is_damage_and_not_a_wrong_passphrase() {
    header_is_refused(|bytes| *bytes.last_mut().unwrap() ^= 1, 65);
    header_is_refused(|bytes| bytes[40] ^= 0x10, 65);
}

#[test]
fn a_header_that_is_not_one_is_damage() {
    header_is_refused(|bytes| bytes.fill(b'x'), 65);
}

#[test]
fn a_header_from_the_future_is_said_to_be() {
    // The format number stands behind the magic of eight bytes.
    header_is_refused(|bytes| bytes[8] = 99, 78);
}

#[test]
fn a_header_that_is_gone_is_not_made_anew() {
    let world = World::ready();
    std::fs::remove_file(header(&world)).unwrap();
    let told = world.ugent(&["add", "@new", "--stdin"]).typing("0123456789").run();
    assert!(matches!(told.code, Some(65 | 78)), "{:?} {}", told.code, told.stderr);
    assert!(!header(&world).exists());
    let told = world.ugent(&["init"]).run();
    assert_ne!(told.code, Some(0), "init must not orphan what is sealed under the lost key: {}", told.stdout);
    assert!(!header(&world).exists());
}

fn sealed(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.home().path().join("secrets/vault")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| *path != header(world));
    paths
}

#[test]
fn sealed_files_that_were_swapped_are_not_released() {
    let world = World::ready();
    let other = key();
    world.add("@other_key", &other);
    let files = sealed(&world);
    assert_eq!(files.len(), 2);
    let contents: Vec<_> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    std::fs::write(&files[0], &contents[1]).unwrap();
    std::fs::write(&files[1], &contents[0]).unwrap();
    let _broker = world.broker();
    is_not_released(&world);
}

#[test]
fn a_sealed_file_with_a_flipped_bit_cut_short_or_gone_is_not_released() {
    for turn in 0..3 {
        let world = World::ready();
        let path = sealed(&world).remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        match turn {
            0 => {
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(&path, &bytes).unwrap();
            }
            1 => std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap(),
            _ => std::fs::remove_file(&path).unwrap(),
        }
        let _broker = world.broker();
        is_not_released(&world);
    }
}

fn is_not_released(world: &World) {
    let answer = world.ask(&Ask::chat());
    assert!(answer.status >= 400 && answer.refusal().is_some(), "{} {}", answer.status, answer.text());
    assert!(world.standin().log().all().is_empty(), "nothing reached the provider");
    let denied = world.events("lease.denied");
    assert!(denied.iter().any(|record| record["reason"] == "vault_damaged"), "{denied:?}");
    world.rotate(HANDLE, world.key());
    assert_eq!(world.ask(&Ask::chat()).status, 200, "a new deposit mends it");
}

#[test]
fn a_catalog_that_is_damaged_is_said_to_be() {
    let world = World::ready();
    std::fs::write(world.home().path().join("secrets/metadata.redb"), b"not a database at all").unwrap();
    let told = world.ugent(&["list"]).run();
    told.refused(65, &["metadata.redb"]);
}

#[test]
fn with_a_damaged_journal_no_token_is_issued_and_a_revoked_one_is_refused_all_the_same() {
    let world = World::ready();
    let issue = ["token", "issue", "--consumer", "ci"];
    drop(world.ugent(&issue).run().succeeded());
    let ids = || {
        let listed = world.json(&["token", "list", "--json"]);
        let ours = listed.as_array().unwrap().iter().filter(|token| token["consumer"] == "ci");
        ours.map(|token| token["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = ids();
    let segment = world.home().path().join("secrets/audit/00000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    for arguments in [&issue[..], &["token", "rotate"]] {
        let told = world.ugent(arguments).run();
        assert!(told.stdout.is_empty());
        told.refused(65, &["journal"]);
    }
    assert_eq!(ids(), before);
    world.ugent(&["token", "revoke", &before[0]]).run().refused(74, &["could not be recorded"]);
    assert!(ids().is_empty(), "who must not be let in any more waits for no journal");
}
