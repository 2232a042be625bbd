//! Runs a program as on a kernel without `memfd_secret(2)`, whose memory nobody can look into: a
//! filter around the program answers ENOSYS to it. So the shipped binaries need no switch for it,
//! and have none. Not shipped.
//!
//! ```text
//! without-secret-memory PROGRAM ARGUMENTS…
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else { return ExitCode::from(64) };
    let why = match filtered() {
        Ok(()) => Command::new(program).args(arguments).exec().to_string(),
        Err(why) => why,
    };
    let _ = writeln!(std::io::stderr(), "error: nothing was run: {why}");
    ExitCode::from(70)
}

fn filtered() -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let rules = BTreeMap::from([(libc::SYS_memfd_secret, Vec::new())]);
    let enosys = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, enosys, arch);
    let program: BpfProgram =
        filter.and_then(TryInto::try_into).map_err(|error: seccompiler::BackendError| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}
