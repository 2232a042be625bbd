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

use crate::system::Mode;

/// What may be called once the filters are in force. Public for the tests, which hold it against what
/// is called.
pub const ALLOWED: &[&[Row]] = &[newer_libc::ROWS, syscalls::ROWS];
/// The same, with `--system`.
pub const ALLOWED_TO_SYSTEM: &[&[Row]] = &[newer_libc::ROWS, syscalls::ROWS, syscalls::SYSTEM_ROWS];

/// What its children need to confine themselves: namespaces, and the bounding set. Held by root only.
const OF_CHILDREN: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_SETPCAP];
/// Root without those has its children enter user namespaces, in which it may map itself only with
/// this (user_namespaces(7)). Others have none to keep.
const OF_USER_NAMESPACES: [Capability; 1] = [Capability::CAP_SETFCAP];
/// With `--system` they become other users, and one that does not end is killed all the same.
const OF_SYSTEM: [Capability; 5] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_KILL,
];

/// Proof that the launcher can do no more than supervise.
#[must_use]
pub(super) struct Confined(());

/// Gives up the rest. Cores and being dumpable were given up at the start.
pub(super) fn confine(mode: Mode) -> Result<Confined, Failure> {
    let (kept, rows): (&[Capability], &[&[Row]]) = match mode {
        Mode::OneUser if surrender::has(&OF_CHILDREN) => (&OF_CHILDREN, ALLOWED),
        Mode::OneUser => (&OF_USER_NAMESPACES, ALLOWED),
        Mode::System => (&OF_SYSTEM, ALLOWED_TO_SYSTEM),
    };
    match mode {
        Mode::OneUser => {}
        Mode::System if !surrender::has(kept) => {
            return Err(Failure::new(
                FailureClass::Config,
                "secret-broker lacks a capability that its daemons need to become other users",
                "--system takes root with CAP_SYS_ADMIN, CAP_SETPCAP, CAP_SETUID, CAP_SETGID and CAP_KILL",
            ));
        }
        // A unit lends it the groups of its sockets, which it has made by now.
        Mode::System => surrender::groups().map_err(|error| refused("its other groups", &error))?,
    }
    surrender::capabilities_but(kept).map_err(|error| refused("capabilities", &error))?;
    surrender::new_privileges().map_err(|error| refused("PR_SET_NO_NEW_PRIVS", &error))?;
    unix::syscalls::install(rows, &[killed::ALWAYS])
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
