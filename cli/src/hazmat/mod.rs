//! The only place of this crate where plaintext is handled (INV-02): from an input to a slot, and
//! from a slot to a pipe, a lane, or one child's environment. `environment` and `start` are also the fence
//! around its unsafe code.

pub(crate) mod block;
pub(crate) mod config;
pub(crate) mod env_file;
pub(crate) mod environment;
pub(crate) mod handover;
pub(crate) mod injectable;
pub(crate) mod input;
pub(crate) mod mask;
pub(crate) mod output;
pub(crate) mod passphrase;
pub(crate) mod prompt;
pub(crate) mod start;
