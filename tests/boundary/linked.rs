//! `cargo tree`, read against the bans.

use std::collections::BTreeSet;
use std::process::Command;

/// Names of all crates that are linked into this one.
fn linked_into(daemon: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--locked", "-p", daemon, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = Command::new(cargo).args(arguments).output().expect("cargo runs");
    assert!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("names are text");
    let crates: BTreeSet<String> =
        text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    assert!(crates.contains("proto") && crates.len() > 5, "this is not a tree: {crates:?}");
    crates
}

/// Neither the banned crates nor those of their families, as `tokio-util` is of `tokio`'s.
fn has_none_of(daemon: &str, banned: &[&str]) {
    let crates = linked_into(daemon);
    let is_banned = |name: &&String| {
        banned
            .iter()
            .any(|ban| name.strip_prefix(ban).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    };
    let found: Vec<_> = crates.iter().filter(is_banned).collect();
    assert!(found.is_empty(), "{daemon} is linked with {found:?}");
}

#[test]
fn keeperd_has_no_code_for_a_network() {
    has_none_of(
        "keeperd",
        &["tokio", "mio", "hyper", "rustls", "socket2", "reqwest", "zbus", "secret-service", "async-io"],
    );
}

#[test]
fn keychaind_has_no_code_for_a_vault_or_a_network() {
    has_none_of("keychaind", &["redb", "argon2", "chacha20poly1305", "tokio", "hyper", "rustls", "clap"]);
}

#[test]
fn keeperd_parses_no_arguments() {
    has_none_of("keeperd", &["clap"]);
}

#[test]
fn egressd_has_no_code_for_a_vault() {
    has_none_of("egressd", &["redb", "argon2", "chacha20poly1305", "keyring"]);
}

#[test]
fn egressd_parses_no_arguments() {
    has_none_of("egressd", &["clap"]);
}

#[test]
fn the_launcher_and_the_cli_hold_neither() {
    has_none_of("cli", &["tokio", "hyper", "rustls", "redb", "argon2", "chacha20poly1305"]);
}
