//! What a panic may say: its place. A message could hold a value, a backtrace opens files.

use std::io::Write;

/// Makes every panic of this process print `name: bug at FILE:LINE` and nothing else.
pub fn install(name: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let _ = writeln!(std::io::stderr(), "{name}: bug at {place}");
    }));
}
