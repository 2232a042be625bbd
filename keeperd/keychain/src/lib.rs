//! keychaind: speaks with the desktop's keychain for keeperd, which has no code for D-Bus, and ends
//! when there was nothing to say for a while, so that whatever the libraries for it have left in
//! memory goes with the process.
//!
//! Started by the launcher or the CLI with its control lane as fd 0; parses no arguments and reads no
//! environment. It decides nothing: what it is asked for, it fetches.

mod bus;
pub mod confine;
mod hazmat;
mod items;
mod prepare;
mod serve;
mod service;
mod trouble;
mod worker;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use proto::control_lane::ControlReport;
use proto::failure::{Failure, FailureClass};
use unix::lane::Lane;

/// The program.
#[must_use]
pub fn keychaind() -> ExitCode {
    unix::panic_hook::install("keychaind");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.class.exit_code()),
    }
}

fn run() -> Result<(), Failure> {
    let control = unix::passed::control_lane().ok_or_else(by_hand)?;
    let undumpable = confine::before_start().inspect_err(complain)?;
    let (mut control, start, asked) = prepare::start(control).inspect_err(complain)?;
    let mut told = |failure: &Failure| stopped(&mut control, failure);
    // In the network namespace it was started in: an address may be an abstract one. Nothing is
    // written to the bus, and nothing read from it, before this process is confined (INV-08).
    let bus = bus::connect(start.bus.as_deref());
    let jailed =
        undumpable.isolate(start.strictness).and_then(confine::Isolated::jail).inspect_err(&mut told)?;
    let worker = worker::start(bus, start.collection).inspect_err(&mut told)?;
    let confined = jailed.confine().inspect_err(&mut told)?;
    serve::serve(&mut control, asked, worker, &confined)
}

/// Tells the launcher why there will be no helper.
fn stopped(lane: &mut Lane, failure: &Failure) {
    let report = ControlReport::Stopped { failure: Some(failure.clone()) };
    let sent = lane.send(&report, None, Vec::new(), Instant::now() + Duration::from_secs(5));
    if sent.is_err() {
        complain(failure);
    }
}

/// Where there is no lane to report on.
fn complain(failure: &Failure) {
    let _ = writeln!(std::io::stderr(), "{failure}");
}

fn by_hand() -> Failure {
    let failure =
        Failure::new(FailureClass::Usage, "keychaind is not started by hand", "ugent secret broker start");
    complain(&failure);
    failure
}
