//! How many files a test may have open. Of its own process only.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises this process's limit of open files as far as it goes, and says how far that is.
///
/// # Panics
/// If the kernel does not tell.
pub fn as_many_as_may_be() -> u64 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("the soft limit goes up to the hard one");
    most
}
