//! System calls that the broker's processes share.
//!
//! [`lane`] moves frames over a Unix socket, [`jail`] puts on the layers of confinement one by one
//! ([`surrender`], [`namespaces`], [`fence`], [`syscalls`]), [`insight`] tries whether others can look
//! into a process, [`passed`] takes over the descriptors a process was started with, [`owned`] looks at who may
//! change a path, [`wash`] clears the registers a value went through. No policy, no message is
//! known here, and nothing here may touch a value but to move it between a socket and locked
//! memory of [`proto::hazmat`].

pub mod fence;
pub mod insight;
pub mod jail;
pub mod lane;
pub mod namespaces;
pub mod owned;
pub mod panic_hook;
pub mod passed;
pub mod surrender;
pub mod syscalls;
pub mod wash;
