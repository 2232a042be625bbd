//! Times of the wall clock, as commands take them.

use std::process::Command;

/// A time so far from now, in RFC 3339: `+6 seconds`, as date(1) has it.
///
/// # Panics
/// If there is no such program, or it does not know that span.
#[must_use]
#[track_caller]
pub fn ahead(span: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", span, "+%FT%TZ"]).output().expect("coreutils");
    assert!(output.status.success(), "date knows {span}");
    String::from_utf8(output.stdout).expect("digits").trim().to_owned()
}
