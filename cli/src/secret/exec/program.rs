//! Where the program is, what it gets besides values, and how it takes the place of this one. Exit
//! codes are a shell's: 127 where it is not found, 126 where it cannot be run. The words behind `--` are
//! not repeated: one of them may be a value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io::{Write, stderr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use proto::failure::{Failure, FailureClass};

use super::variables::{OURS, Source, Variable};
use crate::ending::{Halt, Outcome};
use crate::hazmat::environment;
use crate::hazmat::start::Program;

/// Where programs are where nobody says.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Found, and cannot be run.
const CANNOT: u8 = 126;
/// Not found.
const NOWHERE: u8 = 127;

/// A program that was found.
pub(super) struct Found {
    pub(super) path: CString,
    pub(super) arguments: Vec<CString>,
}

/// Finds it by the PATH it will have, as a shell does.
pub(super) fn find(command: &[OsString], variables: &[Variable]) -> Result<Found, Halt> {
    let arguments = command.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<Vec<_>, _>>();
    let arguments = arguments.map_err(|_| not_run(Errno::EINVAL))?;
    let name = command.first().map(OsString::as_os_str).unwrap_or_default();
    let path = if name.as_bytes().contains(&b'/') {
        runnable(Path::new(name)).map(|()| PathBuf::from(name))
    } else {
        in_path(name, &path_of(variables))
    };
    let path = path.map_err(not_run)?.into_os_string().into_vec();
    Ok(Found { path: CString::new(path).map_err(|_| not_run(Errno::EINVAL))?, arguments })
}

/// All of this environment but what is ours and what has another text or value, and the texts.
pub(super) fn plain(variables: &[Variable]) -> Vec<Cow<'static, CStr>> {
    let names: BTreeSet<&[u8]> = variables.iter().map(|one| one.name.as_bytes()).collect();
    let stays = |text: &&CStr| {
        let name = text.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        !name.starts_with(OURS.as_bytes()) && !names.contains(name)
    };
    let mut plain: Vec<_> = environment::all().into_iter().filter(stays).map(Cow::Borrowed).collect();
    for Variable { name, source } in variables {
        match source {
            Source::Secret(_) => {}
            // Neither has a NUL in it, or it would not have come so far.
            Source::Plain(text) => {
                plain.extend(CString::new(format!("{name}={text}")).ok().map(Cow::Owned));
            }
        }
    }
    plain
}

/// Puts it in the place of this process; comes back only if that cannot be.
pub(super) fn replace(program: &Program, core: u64, descriptors: &[i32]) -> Outcome {
    for number in descriptors {
        unix::passed::to_children(*number).map_err(|error| unfit("a descriptor", &error))?;
    }
    unix::surrender::cores_again(core).map_err(|error| unfit("the limit of core files", &error))?;
    match program.replace() {
        Ok(never) => match never {},
        Err(error) => Err(not_run(error)),
    }
}

/// Says why it could not be run, and which exit code that is.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's errors are open-ended, and the last arm says which it is"
)]
pub(super) fn not_run(error: Errno) -> Halt {
    let (code, what, hint) = match error {
        Errno::ENOENT => (NOWHERE, "was not found".to_owned(), "check its name and PATH"),
        Errno::ENOTDIR => (NOWHERE, "was not found".to_owned(), "check its path"),
        Errno::EACCES => (CANNOT, "may not be executed".to_owned(), "chmod +x FILE, or name its interpreter"),
        Errno::EISDIR => (CANNOT, "is a directory".to_owned(), "name a program in it"),
        Errno::E2BIG => (
            CANNOT,
            "cannot be run: its arguments and environment are too long together".to_owned(),
            "give it fewer or shorter variables",
        ),
        error => (CANNOT, format!("cannot be run: {}", error.desc()), "try it without ugent secret exec"),
    };
    let _ = writeln!(stderr(), "error: the program behind -- {what}\nhint: {hint}");
    Halt::Said(code)
}

pub(super) fn unfit(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(FailureClass::Io, format!("{what} could not be passed on to the program: {error}"), "")
}

fn path_of(variables: &[Variable]) -> OsString {
    let ours = variables.iter().find(|one| one.name == "PATH");
    match ours.map(|one| &one.source) {
        Some(Source::Plain(text)) => OsString::from(text),
        // Whatever it is, it is nothing to look around with.
        Some(Source::Secret(_)) => OsString::from(PATH),
        None => std::env::var_os("PATH").unwrap_or_else(|| OsString::from(PATH)),
    }
}

fn in_path(name: &OsStr, path: &OsStr) -> Result<PathBuf, Errno> {
    let mut nearest = Errno::ENOENT;
    if name.is_empty() {
        return Err(nearest);
    }
    for directory in std::env::split_paths(path) {
        let place =
            if directory.as_os_str().is_empty() { Path::new(".").join(name) } else { directory.join(name) };
        match runnable(&place) {
            Ok(()) => return Ok(place),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EISDIR) => {}
            Err(error) => nearest = error,
        }
    }
    Err(nearest)
}

fn runnable(path: &Path) -> Result<(), Errno> {
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
    if std::fs::metadata(path).map_err(errno)?.is_dir() {
        return Err(Errno::EISDIR);
    }
    access(path, AccessFlags::X_OK)
}
