//! `ugent secret doctor` where something is wrong: 78, and the mend is named.

use tests::world::World;

#[test]
fn where_nothing_is_set_up_it_says_init_and_makes_nothing() {
    let world = World::bare();
    let before = world.home().snapshot();
    let [_, mend] = world.doctor().only_fails("secrets");
    assert_eq!(mend, "ugent secret init");
    assert!(world.home().snapshot() == before);
    let nowhere = world.home().around().join("nowhere");
    let found = world.doctor_as(|call| call.env("UGENT_HOME", nowhere.to_str().unwrap()));
    let [_, mend] = found.only_fails("home");
    assert_eq!(mend, "ugent secret init");
    assert!(!nowhere.exists());
}

#[test]
fn directories_that_let_others_in_fail_with_the_chmod_that_mends_them() {
    for (name, mode, id, mend) in [
        (".", 0o775, "home", "chmod go-w "),
        ("secrets", 0o750, "secrets", "chmod 700 "),
        ("secrets/vault", 0o755, "files.vault", "chmod 700 "),
        ("secrets.grants.toml", 0o620, "files.grants", "chmod 600 "),
    ] {
        let world = World::ready();
        world.home().chmod(name, mode);
        let found = world.doctor();
        assert_eq!(found.code, Some(78), "{name}");
        let [level, what, said] = found.of(id);
        let path = world.home().path().join(name).canonicalize().unwrap();
        assert_eq!(level, "fail", "{what}");
        assert_eq!(said, format!("{mend}{}", path.display()));
        // And it does.
        let command = said.replace("chmod ", "");
        let (bits, path) = command.split_once(' ').unwrap();
        assert!(std::process::Command::new("chmod").args([bits, path]).status().unwrap().success());
        world.doctor().is_well();
    }
}

#[test]
fn links_and_other_kinds_fail() {
    let world = World::ready();
    let token = world.home().path().join("secrets/broker.token");
    let elsewhere = world.home().around().join("token");
    std::fs::rename(&token, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &token).unwrap();
    let found = world.doctor();
    assert_eq!((found.code, found.of("files.token")[0].as_str()), (Some(78), "fail"));
}

#[test]
fn a_mistake_in_the_grants_is_named_by_line_and_column_with_a_broker_and_without() {
    let world = World::ready();
    let claim = || {
        let [what, mend] = world.doctor().only_fails("grants");
        let path = world.home().path().join("secrets.grants.toml");
        assert!(what.starts_with(&format!("{}:8:1: ", path.display())), "{what}");
        assert!(what.contains("everything is denied") && mend.contains("line 8"), "{what} {mend}");
    };
    world.home().write("secrets.grants.toml", &format!("{}colour = \"red\"\n", world.grant()));
    claim();
    let broker = world.broker();
    claim();
    let _ = broker.stop().succeeded();
}

#[test]
fn a_refused_providers_file_fails() {
    let world = World::ready();
    world.home().write("secrets.providers.toml", "[[providers]]\ncolour = 1\n");
    let [what, _] = world.doctor().only_fails("providers");
    assert!(what.contains("secrets.providers.toml:2:1: "), "{what}");
}

#[test]
fn mistaken_settings_fail_and_the_rest_is_looked_at_all_the_same() {
    let world = World::ready();
    world.home().write("secrets.toml", "colour = 1\n");
    let found = world.doctor();
    let [what, _] = found.only_fails("settings");
    assert!(what.contains("secrets.toml:1:1: ") && what.contains("colour"), "{what}");
    for id in ["vault", "journal", "grants", "process.keeperd"] {
        assert_eq!(found.of(id)[0], "ok", "{id}");
    }
}

#[test]
fn a_vault_whose_header_is_gone_fails() {
    let world = World::ready();
    std::fs::remove_file(world.home().path().join("secrets/vault/header")).unwrap();
    let found = world.doctor();
    assert_eq!((found.code, found.of("vault")[0].as_str()), (Some(78), "fail"));
}

#[test]
fn a_damaged_journal_fails() {
    let world = World::ready();
    let segment = world.home().path().join("secrets/audit/00000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let found = world.doctor();
    assert_eq!((found.code, found.of("journal")[0].as_str()), (Some(78), "fail"));
}

#[test]
fn a_home_too_long_for_sockets_fails() {
    let world = World::bare();
    let long = world.home().around().join("x".repeat(80));
    drop(world.ugent(&["init"]).env("UGENT_HOME", long.to_str().unwrap()).run().succeeded());
    let found = world.doctor_as(|call| call.env("UGENT_HOME", long.to_str().unwrap()));
    let [what, _] = found.only_fails("home.sockets");
    assert!(what.contains("107"), "{what}");
}
