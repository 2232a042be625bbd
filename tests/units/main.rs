//! The units that are shipped: what systemd makes of them, and that the broker serves under them.
//!
//! A machine is booted for each test, with systemd as its first process. That takes root.

#[cfg(test)]
mod booted;
#[cfg(test)]
mod exposure;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod told;

#[cfg(test)]
fn boot() -> machine::Machine {
    machine::Machine::boot(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging"))
}
