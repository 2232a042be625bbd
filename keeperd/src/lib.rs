//! keeperd: holds the keys and decides. It never touches a network.
//!
//! Started by the launcher or the CLI with its control lane as fd 0; parses no arguments and reads
//! no environment. isolate → prepare → confine → serve, nothing else.

mod audit;
mod catalog;
mod clock;
pub mod confine;
mod hazmat;
mod keychain;
mod policy;
mod policy_files;
mod prepare;
mod serve;
mod store;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use proto::control_lane::ControlReport;
use proto::failure::{Failure, FailureClass};
use unix::lane::Lane;

/// The program.
#[must_use]
pub fn keeperd() -> ExitCode {
    unix::panic_hook::install("keeperd");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.class.exit_code()),
    }
}

fn run() -> Result<(), Failure> {
    let control = unix::passed::control_lane().ok_or_else(by_hand)?;
    let undumpable = confine::before_start().inspect_err(complain)?;
    let (mut lane, start, fds) = prepare::start(control).inspect_err(complain)?;
    let isolated = undumpable.isolate(&start).inspect_err(|failure| stopped(&mut lane, failure))?;
    let prepared = prepare::open(&lane, &start, fds).inspect_err(|failure| stopped(&mut lane, failure))?;
    let jailed = isolated.jail(&start).inspect_err(|failure| stopped(&mut lane, failure))?;
    match prepared {
        Some(prepared) => serve::serve(lane, start, *prepared, jailed),
        None => {
            let confined = jailed.confine().inspect_err(|failure| stopped(&mut lane, failure))?;
            serve::verifier::serve(&mut lane, &confined)
        }
    }
}

/// Tells the launcher why there will be no keeper.
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
        Failure::new(FailureClass::Usage, "keeperd is not started by hand", "ugent secret broker start");
    complain(&failure);
    failure
}
