//! Waiting: always for a condition, never for longer than a deadline.

use std::time::{Duration, Instant};

use nix::poll::{PollTimeout, poll};

/// How long anything may take before its test fails. Generous, since the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `look` sees something; `None` after `within`.
pub fn seen<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        // Gives the processor away before the next look.
        let _ = poll(&mut [], PollTimeout::from(5_u8));
    }
}

/// Waits until `look` sees something.
///
/// # Panics
/// If it does not within [`DEADLINE`]; `what` says what was waited for.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    seen(DEADLINE, look).unwrap_or_else(|| panic!("in vain waited until {what}"))
}

/// As [`until`], for a condition.
///
/// # Panics
/// As [`until`].
pub fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}
