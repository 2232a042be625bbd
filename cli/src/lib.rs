//! `ugent secret …` and the launcher `secret-broker`.
//!
//! Neither opens the vault, the catalog or a keychain: that is keeperd's, which a command reaches
//! over the socket of a running broker or starts for itself (`keeper/`). Values and passphrases
//! pass through here once, from an input to a lane, in files under `hazmat/` only (INV-02).

mod addresses;
mod clock;
mod ending;
mod hazmat;
mod home;
mod keeper;
mod launch;
mod log_filter;
mod manual;
mod pause;
mod render;
mod secret;
mod session;
mod settings;
mod spawn;
mod system;
mod typed;
mod usage;
mod workspace;

use std::process::ExitCode;

pub use launch::{ALLOWED as LAUNCHER_ALLOWED, ALLOWED_TO_SYSTEM as LAUNCHER_ALLOWED_TO_SYSTEM};
pub use secret::{EXPORT_ALLOWED, EXPORT_ROWS};

/// The program `ugent`.
#[must_use]
pub fn ugent() -> ExitCode {
    // First of all, before there is a thread or a child that could see it.
    let passphrase = hazmat::environment::take();
    unix::panic_hook::install("ugent");
    ending::exit(secret::main(passphrase))
}

/// The program `secret-broker`.
#[must_use]
pub fn secret_broker() -> ExitCode {
    let passphrase = hazmat::environment::take();
    unix::panic_hook::install("secret-broker");
    ending::exit(launch::main(passphrase))
}
