//! Whose a world's broker is: one user's, or with `--system` the machine's.
//!
//! `UGENT_TESTS_AS=system` runs every test that does not choose for itself with three users. It
//! takes root, and the users of `packaging/sysusers.d/ugent.conf`.

use nix::unistd::{Gid, Uid, User};

/// How users share the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Everything belongs to whoever runs the test.
    OneUser,
    /// Three users.
    System,
}

impl Layout {
    /// As this run is to be.
    ///
    /// # Panics
    /// If it is to be something unknown.
    #[must_use]
    pub fn of_this_run() -> Self {
        match std::env::var("UGENT_TESTS_AS").as_deref() {
            Err(_) => Self::OneUser,
            Ok("system") => Self::System,
            Ok(other) => panic!("UGENT_TESTS_AS is `system` or not set, not {other}"),
        }
    }

    /// Arguments that choose it.
    #[must_use]
    pub const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::OneUser => &[],
            Self::System => &["--system"],
        }
    }
}

/// Uid and group of a user of the system.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn user(name: &str) -> (Uid, Gid) {
    let found = User::from_name(name).expect("the users can be looked up");
    let user = found.unwrap_or_else(|| {
        panic!("there is no user {name}: systemd-sysusers packaging/sysusers.d/ugent.conf")
    });
    (user.uid, user.gid)
}
