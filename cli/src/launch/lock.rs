//! One broker a home: a lock on a directory of the launcher's (`secrets/`, or with `--system` the
//! home), held for its life. The kernel lets go of it when the launcher dies, however it dies.

use std::fs::{DirBuilder, File, Permissions, TryLockError, set_permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::libc::{O_DIRECTORY, O_NOFOLLOW};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use proto::failure::{Failure, FailureClass};
use unix::owned::{self, Privacy};

use crate::home::Home;

/// The lock. Whoever holds it may take over what a dead broker has left.
#[must_use]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] Vec<File>);

/// Takes it, or says who has it.
pub(super) fn take(home: &Home) -> Result<Lock, Failure> {
    let mut locks = vec![of_home(home)?];
    locks.extend(home.system().map(|system| of_sockets(&system.run)).transpose()?);
    Ok(Lock(locks))
}

/// With `--system` the sockets are the machine's, and not of a home.
fn of_sockets(run: &Path) -> Result<File, Failure> {
    let failed = |error: std::io::Error| {
        let what = format!("{} could not be made or locked: {error}", run.display());
        Failure::new(FailureClass::Io, what, "it must be a directory on a file system with locks")
    };
    if run.symlink_metadata().is_err() {
        DirBuilder::new().mode(0o700).create(run).map_err(failed)?;
        // Whatever the umask: members of two groups are to get as far as its sockets.
        set_permissions(run, Permissions::from_mode(0o755)).map_err(failed)?;
    }
    owned::directory(run, Privacy::NotWritableByOthers).map_err(|wrong| wrong.failure(run))?;
    if run.metadata().map_err(failed)?.mode() & 0o001 == 0 {
        let what = format!("{} keeps clients from the sockets in it", run.display());
        return Err(Failure::new(FailureClass::Config, what, format!("chmod 755 {}", run.display())));
    }
    let directory =
        File::options().read(true).custom_flags(O_DIRECTORY | O_NOFOLLOW).open(run).map_err(failed)?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            FailureClass::TryAgain,
            format!("a broker of the machine with another home has its sockets in {}", run.display()),
            "end that one first, with its UGENT_HOME: ugent secret --system broker stop",
        )),
    }
}

fn of_home(home: &Home) -> Result<File, Failure> {
    let path = home.launchers_own();
    let failed = |error: std::io::Error| {
        Failure::new(
            FailureClass::Io,
            format!("{} could not be locked: {error}", path.display()),
            "UGENT_HOME must be on a file system with locks, and yours to open",
        )
    };
    let directory = open(home).map_err(failed)?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let who = listener(home)
                .or_else(|| holder(home))
                .map_or_else(|| "not listening yet".to_owned(), |pid| format!("pid {pid}"));
            let what = format!("a broker is already running for {} ({who})", home.path().display());
            Err(Failure::new(
                FailureClass::TryAgain,
                what,
                "ugent secret broker status, or: ugent secret broker stop",
            ))
        }
    }
}

/// The launcher that holds the lock, whatever has become of its socket. Never takes the lock from
/// one that is about to.
pub(crate) fn holder(home: &Home) -> Option<u32> {
    let directory = open(home).ok()?;
    let inode = directory.metadata().ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().filter_map(|line| holds(line, inode)).find(|pid| is_launcher(*pid))?;
    // The same inode may be another home's, on another file system; device numbers do not tell
    // that of every file system. The lock itself does.
    matches!(directory.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(pid)
}

fn open(home: &Home) -> std::io::Result<File> {
    File::options().read(true).custom_flags(O_DIRECTORY | O_NOFOLLOW).open(home.launchers_own())
}

/// Who holds a lock of flock(2) on that inode, if a line of /proc/locks (proc_locks(5)) says so.
/// A line with `->` is of one that waits.
fn holds(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, place, ..] = fields.as_slice() else {
        return None;
    };
    let (_, locked) = place.rsplit_once(':')?;
    if locked.parse() == Ok(inode) { pid.parse().ok() } else { None }
}

fn is_launcher(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "secret-broker")
}

/// On a listening socket the kernel names the process that listens: the other launcher.
fn listener(home: &Home) -> Option<u32> {
    let socket = UnixStream::connect(home.keeper_socket()).ok()?;
    getsockopt(&socket, PeerCredentials).ok().and_then(|peer| u32::try_from(peer.pid()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_holder_of_that_inode_is_read() {
        let held = "12: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF";
        assert_eq!(holds(held, 131), Some(4711));
        assert_eq!(holds(held, 31), None);
        assert_eq!(holds("12: -> FLOCK  ADVISORY  WRITE 4712 fe:01:131 0 EOF", 131), None);
        assert_eq!(holds("13: POSIX  ADVISORY  WRITE 4711 fe:01:131 0 EOF", 131), None);
        assert_eq!(holds("", 131), None);
    }
}
