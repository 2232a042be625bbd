//! What systemd says of how far each unit is open: `systemd-analyze security`, without running it.

use std::path::Path;
use std::process::Command;

fn packaging(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd").join(name)
}

/// The level, from 0 (closed) to 10 (open).
fn exposure(unit: &str) -> f64 {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(packaging(unit))
        .output()
        .expect("tests/run installs systemd");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("Overall exposure level")).expect(&text);
    let level = line.split(':').next_back().unwrap().split_whitespace().next().unwrap();
    level.parse().unwrap()
}

#[test]
fn the_unit_of_one_user_is_open_by_no_more_than_1_5() {
    let level = exposure("ugent-vault.service");
    assert!(level <= 1.5, "{level}");
}

#[test]
fn the_unit_of_three_users_is_as_open_as_the_documents_say() {
    let level = exposure("ugent-vault-system.service");
    let said = std::fs::read_to_string(packaging("../../ARCHITECTURE.md")).unwrap();
    assert!(said.contains(&format!("`ugent-vault-system.service` has {level}")), "{level}");
}
