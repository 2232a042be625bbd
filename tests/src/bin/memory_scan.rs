//! The scanner of `tests::scan` as a process of its own. Not shipped.
//!
//! ```text
//! memory-scan live PID…      the values to look for on stdin, one a line
//! memory-scan at-exit PID
//! memory-scan locked PID…    looks for what is in the processes' own locked memory
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
    let number = |word: &String| word.parse::<i32>().map_err(std::io::Error::other);
    let reports = match arguments {
        [what, pid] if what == "at-exit" => search::at_exit(number(pid)?, values)?,
        [what, pids @ ..] if what == "live" => {
            search::live(&pids.iter().map(number).collect::<Result<Vec<_>, _>>()?, values)?
        }
        [what, pids @ ..] if what == "locked" => {
            search::locked(&pids.iter().map(number).collect::<Result<Vec<_>, _>>()?)?
        }
        _ => return Err(std::io::Error::other("say what: live PID…, at-exit PID or locked PID…")),
    };
    Ok(serde_json::to_string(&reports)?)
}
