//! Leaves a value where it is told to, and sleeps there: what the scanner must find. Not shipped.
//!
//! ```text
//! leaver heap|stack|register|vector|wide|locked|nowhere      the value on stdin
//! ```
//!
//! Says `ready` before it sleeps. It sleeps until it is killed.

mod places;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let place = std::env::args().nth(1).unwrap_or_default();
    // One read into one buffer, so that there is one copy, and none once that is wiped.
    let mut room = Box::new([0_u8; 4096]);
    let Ok(length) = nix::unistd::read(std::io::stdin(), room.as_mut_slice()) else {
        return ExitCode::from(74);
    };
    let Some(value) = room.get_mut(..length) else { return ExitCode::from(70) };
    let _ = writeln!(std::io::stdout(), "ready");
    match place.as_str() {
        "heap" => places::heap(value),
        "stack" => places::stack(value),
        "register" => places::register(value),
        "vector" => places::vector(value),
        "wide" => places::wide(value),
        "locked" => places::locked(value),
        "nowhere" => places::nowhere(value),
        _ => ExitCode::from(64),
    }
}
