//! Runs a program as on a kernel that lacks or refuses a system call: a filter around the program
//! answers an error to it. So the shipped binaries need no switch for it, and have none. Not shipped.
//!
//! ```text
//! without-call memfd_secret|landlock_create_ruleset|seccomp=ENOSYS|EPERM PROGRAM ARGUMENTS…
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::libc::{self, c_long};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Without the first there is no memory that nobody can look into, without the second no Landlock,
/// without the third no filter.
const CALLS: [(&str, c_long); 3] = [
    ("memfd_secret", libc::SYS_memfd_secret),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("seccomp", libc::SYS_seccomp),
];
const ANSWERS: [(&str, i32); 2] = [("ENOSYS", libc::ENOSYS), ("EPERM", libc::EPERM)];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().and_then(named);
    let (Some((call, answer)), Some(program)) = (asked, arguments.next()) else { return ExitCode::from(64) };
    let why = match filtered(call, answer) {
        Ok(()) => Command::new(program).args(arguments).exec().to_string(),
        Err(why) => why,
    };
    let _ = writeln!(std::io::stderr(), "error: nothing was run: {why}");
    ExitCode::from(70)
}

fn named(asked: OsString) -> Option<(c_long, i32)> {
    let asked = asked.into_string().ok()?;
    let (call, answer) = asked.split_once('=')?;
    let (_, number) = CALLS.into_iter().find(|(name, _)| *name == call)?;
    let (_, errno) = ANSWERS.into_iter().find(|(name, _)| *name == answer)?;
    Some((number, errno))
}

fn filtered(call: c_long, answer: i32) -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let rules = BTreeMap::from([(call, Vec::new())]);
    let refused = SeccompAction::Errno(answer.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|error: seccompiler::BackendError| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}
