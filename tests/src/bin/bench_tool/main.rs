//! What the benchmark measures with: an upstream that costs little, and clients that load whatever
//! stands before it. Not shipped.
//!
//! Nothing here is part of what is measured, so it runs on the other core.

mod flood;
mod options;
mod paced;
mod response;
mod single;
mod streams;
mod target;
mod upstream;
mod usage;

use std::io::Write;
use std::process::ExitCode;

use options::Options;

const USAGE: &str = "usage: bench-tool upstream --dir DIR  (the key it demands on stdin)
       bench-tool flood|paced|single|streams|hold --to ADDRESS --token TOKEN --script SCRIPT …";

/// What any of it may fail with: it is told, and the round does not count.
type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(verb) = arguments.next() else { return fail(USAGE, 64) };
    let Ok(options) = Options::parse(arguments) else { return fail(USAGE, 64) };
    let done = match verb.as_str() {
        "upstream" => upstream::run(&options),
        "flood" => flood::run(&options),
        "paced" => paced::run(&options),
        "single" => single::run(&options),
        "streams" => streams::run(&options),
        "hold" => streams::hold(&options),
        _ => return fail(USAGE, 64),
    };
    match done.and_then(|result| Ok(writeln!(std::io::stdout(), "{result}")?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("error: {verb}: {error}"), 74),
    }
}

fn fail(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
