//! The scanner of `tests::scan` as a process of its own. Not shipped.
//!
//! ```text
//! memory-scan live|at-exit PID      the values to look for on stdin, one a line
//! ```

use std::io::{BufRead, Write};
use std::process::ExitCode;

use tests::scan::search;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let values: Vec<Vec<u8>> =
        std::io::stdin().lock().lines().map_while(Result::ok).map(String::into_bytes).collect();
    match run(&arguments, &values) {
        Ok(report) => match writeln!(std::io::stdout(), "{report}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(74),
        },
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: the scan failed: {error}");
            ExitCode::from(74)
        }
    }
}

fn run(arguments: &[String], values: &[Vec<u8>]) -> std::io::Result<String> {
    let [what, pid] = arguments else { return Err(std::io::Error::other("memory-scan live|at-exit PID")) };
    let pid = pid.parse().map_err(std::io::Error::other)?;
    match what.as_str() {
        "at-exit" => Ok(serde_json::to_string(&search::at_exit(pid, values)?)?),
        _ => Ok(serde_json::to_string(&search::live(pid, values)?)?),
    }
}
