//! Programs that are traced from their first call on.
//!
//! A program is replaced by a script that runs it under strace, so whoever starts it gets the pid of
//! the program itself and need not know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::libc::c_long;
use nix::unistd::Pid;
use tempfile::TempDir;
use tests::world::Binaries;
use tests::world::until::until;

use super::history::{self, Calls};
use super::lines::{Line, Said};

/// What the traced programs find.
#[derive(Clone, Copy)]
pub(super) enum Under {
    /// This kernel, and the privileges of whoever runs the tests.
    AsIs,
    /// No capability that would spare a daemon its user namespace.
    NoPrivilege,
    /// A kernel without memfd_secret(2).
    NoSecretMemory,
    /// The users of `--system`.
    ThreeUsers,
}

impl Under {
    const fn options(self) -> &'static str {
        match self {
            Self::AsIs | Self::NoPrivilege | Self::ThreeUsers => "",
            Self::NoSecretMemory => "-e inject=memfd_secret:error=ENOSYS",
        }
    }

    fn command(self) -> &'static str {
        match self {
            // Others have none to begin with. Without this one uid 0 cannot be mapped.
            Self::NoPrivilege if nix::unistd::geteuid().is_root() => {
                "setpriv --ambient-caps=-all --inh-caps=-all --bounding-set=-all,+setfcap --"
            }
            Self::AsIs | Self::NoPrivilege | Self::NoSecretMemory | Self::ThreeUsers => "",
        }
    }
}

/// Where traced programs are, and their traces.
pub(super) struct Traced {
    dir: TempDir,
}

impl Traced {
    /// Traced programs in the place of these.
    pub(super) fn programs(real: &[PathBuf], under: Under) -> Self {
        let strace = Command::new("strace").arg("--version").output();
        assert!(
            strace.is_ok_and(|told| told.status.success()),
            "strace is missing; hint: apt-get install strace"
        );
        let dir = tempfile::Builder::new().prefix("ugent-traces-").tempdir().unwrap();
        for program in real {
            let wrapper = dir.path().join(program.file_name().unwrap());
            let trace = dir.path().join("trace");
            // -D: the tracer is nobody's parent. These calls in words: whether it makes a thread, which
            // program, which file.
            let text = format!(
                "#!/bin/sh\nexec strace -D -f -n -q -e 'raw=!execve,clone3,openat' {} -o {}.$$ {} {} \"$@\"\n",
                under.options(),
                trace.display(),
                under.command(),
                program.display()
            );
            fs::write(&wrapper, text).unwrap();
            fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self { dir }
    }

    /// All programs of this build, traced.
    pub(super) fn broker(under: Under) -> Self {
        let real = Binaries::of_this_build();
        Self::programs(
            &["ugent", "secret-broker", "keeperd", "egressd", "keychaind"].map(|name| real.path(name)),
            under,
        )
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What all of them called, once all have ended.
    pub(super) fn calls(&self) -> Calls {
        let mut calls = Calls::new();
        for trace in self.traces() {
            let lines = until("a trace is complete", || {
                let text = fs::read_to_string(&trace).unwrap();
                let lines: Vec<Line> = text.lines().filter_map(Line::parse).collect();
                history::is_over(&lines).then_some(lines)
            });
            history::add(&mut calls, &lines);
        }
        calls
    }

    /// Whether that thread was seen to make that call by now.
    pub(super) fn shows(&self, pid: Pid, nr: c_long) -> bool {
        let texts = self.traces().map(|trace| fs::read_to_string(trace).unwrap());
        let made = |line: Line| match line.said {
            Said::Called { call, .. } => call.nr == nr && Pid::from_raw(line.pid.cast_signed()) == pid,
            Said::Returned { .. } | Said::Ended => false,
        };
        texts.into_iter().any(|text| text.lines().filter_map(Line::parse).any(made))
    }

    fn traces(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.file_stem().is_some_and(|stem| stem == "trace"))
    }
}
