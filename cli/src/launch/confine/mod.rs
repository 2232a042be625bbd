//! What the launcher gives up before it starts its first child: it supervises, and no more.
//!
//! Filters and capabilities are inherited, so what is left to it is what its children need to start
//! and to confine themselves, and all that they do afterwards. It executes, and so it has no
//! namespace or fence of its own: it holds no key and parses no byte but its children's reports.

mod syscalls;

use std::io;

use proto::failure::{Failure, FailureClass};
use unix::surrender::{self, Capability};
use unix::syscalls::{Row, killed, newer_libc};

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[newer_libc::ROWS, syscalls::ROWS];

/// Proof that the launcher can do no more than supervise.
#[must_use]
pub(super) struct Confined(());

/// Gives up the rest. Cores and being dumpable were given up at the start.
pub(super) fn confine() -> Result<Confined, Failure> {
    // For its children: namespaces and the bounding set. Held by root only.
    let kept = [Capability::CAP_SYS_ADMIN, Capability::CAP_SETPCAP];
    surrender::capabilities_but(&kept).map_err(|error| refused("capabilities", &error))?;
    surrender::new_privileges().map_err(|error| refused("PR_SET_NO_NEW_PRIVS", &error))?;
    unix::syscalls::install(ALLOWED, &[killed::ALWAYS])
        .map_err(|error| refused("system-call filters", &error))?;
    Ok(Confined(()))
}

fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("secret-broker could not be confined: {what}: {error}"),
        "this is required and has no switch: run on Linux 5.11 or later, outside of sandboxes that forbid it",
    )
}
