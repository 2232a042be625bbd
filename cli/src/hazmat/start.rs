//! A program with values in its environment: in the place of this one, or under it. The values go to
//! the kernel from locked memory, by execve(2) or posix_spawn(3), whose child shares this memory until
//! it is the other program; nothing is copied in between.

#![expect(unsafe_code, reason = "what a signal does is set by number, which has no safe form")]

use std::borrow::Cow;
use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{Pid, execve};

use super::block::Block;

/// The interpreter of a script that names none, as for execvp(3).
const SHELL: &CStr = c"/bin/sh";

/// What is to run.
pub(crate) struct Program {
    /// Where it is.
    pub(crate) path: CString,
    /// Its arguments, its name included.
    pub(crate) arguments: Vec<CString>,
    /// Its variables without values.
    pub(crate) plain: Vec<Cow<'static, CStr>>,
    /// Its variables with values.
    pub(crate) block: Block,
}

/// Where a child's output goes, by the descriptor it has for it.
pub(crate) struct Redirection<'a> {
    pub(crate) number: RawFd,
    pub(crate) to: BorrowedFd<'a>,
}

impl Program {
    /// Puts it in the place of this process.
    ///
    /// # Errors
    /// Why that cannot be; nothing has changed then but SIGPIPE.
    pub(crate) fn replace(&self) -> Result<Infallible, Errno> {
        by_default(Signal::SIGPIPE)?;
        let environment = self.environment();
        match execve(&self.path, &self.arguments, &environment) {
            Err(Errno::ENOEXEC) => execve(SHELL, &self.by_shell(), &environment),
            other => other,
        }
    }

    /// Starts it under this process, with signals as `mask` has them.
    ///
    /// # Errors
    /// Why it cannot be started, its own file included.
    pub(crate) fn spawn(
        &self,
        redirections: &[Redirection<'_>],
        descriptors: &[RawFd],
        mask: &SigSet,
    ) -> Result<Pid, Errno> {
        let mut actions = PosixSpawnFileActions::init()?;
        for Redirection { number, to } in redirections {
            actions.add_dup2(to.as_raw_fd(), *number)?;
        }
        for number in descriptors {
            // Onto itself: it stays open in the child (posix_spawn_file_actions_adddup2(3)).
            actions.add_dup2(*number, *number)?;
        }
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_sigmask(mask)?;
        // Ignored by the runtime of this program, which the child must not notice.
        attributes.set_sigdefault(&SigSet::from(Signal::SIGPIPE))?;
        attributes
            .set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF)?;
        let environment = self.environment();
        let path = self.path.as_c_str();
        match posix_spawn(path, &actions, &attributes, &self.arguments, &environment) {
            Err(Errno::ENOEXEC) => posix_spawn(SHELL, &actions, &attributes, &self.by_shell(), &environment),
            other => other,
        }
    }

    fn environment(&self) -> Vec<&CStr> {
        let mut all: Vec<&CStr> = self.plain.iter().map(AsRef::as_ref).collect();
        all.extend(self.block.strings());
        all
    }

    fn by_shell(&self) -> Vec<&CStr> {
        let arguments = self.arguments.iter().skip(1).map(CString::as_c_str);
        [SHELL, &self.path].into_iter().chain(arguments).collect()
    }
}

/// Lets a signal do again what it does to a program that says nothing about it.
///
/// # Errors
/// The kernel's refusal.
pub(crate) fn by_default(one: Signal) -> Result<(), Errno> {
    // SAFETY: the default action runs no code of this process.
    unsafe { signal(one, SigHandler::SigDfl) }.map(drop)
}
