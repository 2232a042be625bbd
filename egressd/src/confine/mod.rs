//! Gives up what egressd will not need, and makes the one proof of it.
//!
//! Nothing serves without a [`Confined`], and only [`seal`] makes one. A layer that cannot be had
//! is fatal: there is no weaker mode and no switch to skip one (INV-08).

use std::io;

use proto::failure::{Failure, FailureClass};
use proto::standing::Layer;

use crate::control::Ended;

/// Proof that every layer this build demands is in force.
pub(crate) struct Confined {
    layers: Vec<Layer>,
}

impl Confined {
    /// What the kernel granted.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

/// What needs no preparation: given up before the launcher's first byte is read, so that nobody of
/// the same user can look into the process while it learns its settings.
pub(crate) fn before_start() -> Result<Vec<Layer>, Failure> {
    let cores = unix::surrender::cores().map_err(|error| refused("core files", &error))?;
    let dumpable = unix::surrender::dumpable().map_err(|error| refused("being dumpable", &error))?;
    Ok(vec![cores, dumpable])
}

/// INV-08: the last step before a byte of anybody but the launcher is read.
pub(crate) fn seal(mut layers: Vec<Layer>) -> Result<Confined, Ended> {
    let privileges = unix::surrender::new_privileges()
        .map_err(|error| Ended::Failed(refused("new privileges", &error)))?;
    layers.push(privileges);
    Ok(Confined { layers })
}

fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("egressd cannot give up {what}: {error}"),
        "the kernel or a container's policy forbids prctl or setrlimit; allow them for secret-broker",
    )
}
