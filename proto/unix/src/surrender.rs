//! What a process gives up before it reads a byte of anybody it need not trust (INV-08).
//!
//! Each function gives up one thing, reads back from the kernel that it is gone, and names it. A
//! caller for whom a surrender fails must end: there is no weaker mode.

use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::standing::Layer;

/// No core file, whatever happens: sets RLIMIT_CORE to 0, soft and hard.
///
/// # Errors
/// The kernel's refusal, or that the limit did not hold.
pub fn cores() -> io::Result<Layer> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    held(getrlimit(Resource::RLIMIT_CORE)? == (0, 0), Layer::NoCore)
}

/// No look into this process by others of the same user: /proc/PID/{mem,environ,maps,fd}, ptrace
/// (prctl(2), PR_SET_DUMPABLE). Reset by exec, so it is set anew in each program.
///
/// # Errors
/// The kernel's refusal, or that it did not hold.
pub fn dumpable() -> io::Result<Layer> {
    prctl::set_dumpable(false)?;
    held(!prctl::get_dumpable()?, Layer::Undumpable)
}

/// No privilege by exec, ever again (prctl(2), PR_SET_NO_NEW_PRIVS).
///
/// # Errors
/// The kernel's refusal, or that it did not hold.
pub fn new_privileges() -> io::Result<Layer> {
    prctl::set_no_new_privs()?;
    held(prctl::get_no_new_privs()?, Layer::NoNewPrivs)
}

fn held(holds: bool, layer: Layer) -> io::Result<Layer> {
    if holds {
        Ok(layer)
    } else {
        Err(io::Error::other(format!("the kernel accepted {layer} and does not hold it")))
    }
}
