//! Giving up what a keeper will never need, before a byte of anybody but the launcher is read
//! (INV-08). Without a [`Confined`] nothing serves, and only this file makes one.
//!
//! The order is fixed: what must precede Start (cores, dumpable), then everything is opened
//! (`prepare`), then the rest. A surrender that fails ends the process.

use std::io;

use proto::failure::{Failure, FailureClass};
use proto::standing::Layer;
use unix::surrender;

/// Proof that this process cannot leave a core and cannot be looked into; nothing secret may be in
/// memory before.
#[must_use]
pub(crate) struct Undumpable {
    layers: Vec<Layer>,
}

/// Proof that this process has given up all it will not need.
#[must_use]
pub(crate) struct Confined {
    layers: Vec<Layer>,
}

/// The first surrenders, before Start is read.
///
/// # Errors
/// [`Failure`]: the process must end.
pub(crate) fn before_start() -> Result<Undumpable, Failure> {
    let layers = vec![
        required("RLIMIT_CORE", surrender::cores())?,
        required("PR_SET_DUMPABLE", surrender::dumpable())?,
    ];
    Ok(Undumpable { layers })
}

impl Undumpable {
    /// The rest, once everything was opened.
    ///
    /// # Errors
    /// [`Failure`]: the process must end.
    pub(crate) fn confine(self) -> Result<Confined, Failure> {
        let mut layers = self.layers;
        layers.push(required("PR_SET_NO_NEW_PRIVS", surrender::new_privileges())?);
        Ok(Confined { layers })
    }
}

impl Confined {
    /// What holds this process, as the kernel confirmed it.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

fn required(what: &str, result: io::Result<Layer>) -> Result<Layer, Failure> {
    result.map_err(|error| {
        Failure::new(
            FailureClass::Config,
            format!("keeperd could not be confined: {what}: {error}"),
            "this is required and has no switch; run on Linux 3.5 or later, outside sandboxes that deny prctl",
        )
    })
}
