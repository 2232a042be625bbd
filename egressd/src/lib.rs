//! egressd: takes HTTP requests in, asks keeperd for a value, puts it into one request head to the
//! provider, and streams the answer back.
//!
//! It must never open a file after its start, hold a key of the vault, or decide who gets what:
//! where a request goes and with which value is said by keeperd, one lease at a time.

mod access_log;
pub mod confine;
mod control;
mod cut;
mod gate;
mod hazmat;
mod keeper;
mod log;
mod prepare;
mod refusal;
mod serve;
mod ticket;
mod upstream;
mod worker;

use std::io::Write;
use std::process::ExitCode;

use control::{Control, Ended};

/// The program.
#[must_use]
pub fn egressd() -> ExitCode {
    unix::panic_hook::install("egressd");
    let Some(socket) = unix::passed::control_lane() else {
        return by_hand();
    };
    match Control::over(socket) {
        Ok(mut control) => {
            let ended = run(&mut control);
            control.report_end(ended)
        }
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "egressd: {failure}");
            ExitCode::from(failure.class.exit_code())
        }
    }
}

fn run(control: &mut Control) -> Ended {
    let undumpable = match confine::before_start() {
        Ok(undumpable) => undumpable,
        Err(failure) => return Ended::Failed(failure),
    };
    match prepared(control, undumpable).and_then(|(prepared, jailed)| serve::run(control, prepared, jailed)) {
        Ok(ended) | Err(ended) => ended,
    }
}

fn prepared(
    control: &mut Control,
    undumpable: confine::Undumpable,
) -> Result<(prepare::Prepared, confine::Jailed), Ended> {
    let orders = prepare::orders(control)?;
    let isolated =
        undumpable.isolate(orders.start.strictness, orders.start.account).map_err(Ended::Failed)?;
    let prepared = prepare::open(orders)?;
    let jailed = isolated.jail(&prepared.outside.ports()).map_err(Ended::Failed)?;
    Ok((prepared, jailed))
}

/// Daemons parse no arguments and have no use by themselves.
fn by_hand() -> ExitCode {
    let _ = writeln!(std::io::stderr(), "egressd is started by secret-broker");
    ExitCode::from(64)
}
