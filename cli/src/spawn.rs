//! Starting the other programs: found beside our own executable, with nothing of ours but what
//! they are given on purpose.

use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use proto::failure::{Failure, FailureClass};
use proto::standing::ChildKind;

/// Where a sibling program is: beside our own executable, or in the package's libexec. PATH, which
/// others may set, is never asked.
pub(crate) fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|error| {
        Failure::new(FailureClass::Io, format!("our own executable could not be found: {error}"), "")
    })?;
    let beside = own.parent().unwrap_or(Path::new("/"));
    let places = [beside.join(name), beside.join("../libexec/ugent").join(name)];
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| {
        Failure::new(
            FailureClass::Config,
            format!("{name} is not installed beside {}", own.display()),
            "install ugent, secret-broker, keeperd, egressd and keychaind together",
        )
    })
}

/// All that is in a daemon's environment: glibc keeps freed blocks of up to 16 KiB by the thread that
/// freed them, which are those a request takes and gives back. They are wiped when they are freed.
/// Another C library takes no notice.
const ALLOCATOR: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.malloc.tcache_max=16384:glibc.malloc.tcache_count=32");

/// A daemon that was just started, and our end of its control lane.
pub(crate) struct Started {
    pub(crate) process: Child,
    pub(crate) control: UnixStream,
}

/// Starts a daemon: no arguments, nothing in its environment but [`ALLOCATOR`], stdin its control lane, stdout nowhere, a process
/// group of its own so that a terminal's Ctrl-C is for us alone.
pub(crate) fn daemon(kind: ChildKind, stderr: Stdio) -> Result<Started, Failure> {
    let program = sibling(kind.as_str())?;
    let failed = |error: std::io::Error| {
        Failure::new(FailureClass::Io, format!("{} could not be started: {error}", program.display()), "")
    };
    let (control, theirs) = UnixStream::pair().map_err(failed)?;
    let process = Command::new(&program)
        .env_clear()
        .env(ALLOCATOR.0, ALLOCATOR.1)
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    Ok(Started { process, control })
}

/// What this process was given for a program that is to run in its place or under it.
pub(crate) struct Heritage {
    /// Soft limit of core files.
    pub(crate) core: u64,
    /// Descriptors above stderr.
    pub(crate) descriptors: Vec<RawFd>,
}

/// As [`settle_in`], but nothing is given up for good: another program is to have it.
pub(crate) fn settle_in_for_another() -> Result<Heritage, Failure> {
    let descriptors = unix::passed::left_open().map_err(refused)?;
    unix::passed::none_to_children().map_err(refused)?;
    let core = unix::surrender::cores_for_now().map_err(refused)?;
    unix::surrender::dumpable().map_err(refused)?;
    Ok(Heritage { core, descriptors })
}

/// Starts an export of the journal: `ugent` with those arguments, no environment, its lane to keeperd
/// as stdin.
pub(crate) fn export(arguments: &[String], lane: OwnedFd, stderr: Stdio) -> Result<Child, Failure> {
    let program = sibling("ugent")?;
    Command::new(&program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(lane)
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|error| {
            Failure::new(FailureClass::Io, format!("{} could not be started: {error}", program.display()), "")
        })
}

/// What a program of this crate does before anything else: keeps descriptors it was started with
/// from its children, and itself out of core files and of other programs' sight.
pub(crate) fn settle_in() -> Result<(), Failure> {
    unix::passed::none_to_children().map_err(refused)?;
    unix::surrender::cores().map_err(refused)?;
    unix::surrender::dumpable().map_err(refused)?;
    Ok(())
}

fn refused(error: std::io::Error) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("the kernel refused a surrender: {error}"),
        "use Linux 5.11 or later",
    )
}
