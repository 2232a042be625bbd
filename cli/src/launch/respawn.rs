//! When a dead egressd is replaced: at once, and then with growing patience.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// One that has lived so long has not died of its start.
const GOOD_LIFE: Duration = Duration::from_secs(10);

/// The delay before the next start, and when that is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Respawn {
    delay: Duration,
    due: Option<Instant>,
}

impl Respawn {
    /// One has died after that life: plans the next.
    pub(super) fn plan(&mut self, life: Duration, now: Instant) {
        if life >= GOOD_LIFE {
            self.delay = Duration::ZERO;
        }
        self.due = Some(now + self.delay);
        self.delay = (self.delay * 2).clamp(FIRST, LONGEST);
    }

    /// When to look again, if a start is planned.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a start is due; it is no longer planned then.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_its_limit_and_a_good_life_resets_it() {
        let now = Instant::now();
        let mut respawn = Respawn::default();
        let delays: Vec<u128> = (0..9)
            .map(|_| {
                respawn.plan(Duration::from_secs(1), now);
                respawn.due().unwrap().duration_since(now).as_millis()
            })
            .collect();
        assert_eq!(delays, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        respawn.plan(GOOD_LIFE, now);
        assert_eq!(respawn.due(), Some(now));
        assert!(respawn.take(now));
        assert!(!respawn.take(now));
    }
}
