//! What follows when a plugin has ended: pure, so that time is an argument. One that ends by itself
//! with 0 is done; one that fails is started again, each time later, and given up in the end.

use std::time::Duration;

use super::limits::Limits;

/// The longest wait before another start.
const LATEST: Duration = Duration::from_secs(60);

/// How one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Exited(i32),
    Killed(i32),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It has done what it was for.
    Done,
    /// It is started again after this time.
    Again(Duration),
    /// It has failed too often in a row.
    GivenUp,
}

/// How often it has failed in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    failures: u32,
}

impl Course {
    /// It has run for that long.
    pub(super) fn after(&mut self, ended: Ended, ran: Duration, limits: &Limits) -> Next {
        match ended {
            Ended::Exited(0) => Next::Done,
            Ended::Exited(_) | Ended::Killed(_) => self.failed(ran, limits),
        }
    }

    /// It could not even be started, for now.
    pub(super) fn not_started(&mut self, limits: &Limits) -> Next {
        self.failed(Duration::ZERO, limits)
    }

    /// Somebody wants it to be tried anew.
    pub(super) const fn forgive(&mut self) {
        self.failures = 0;
    }

    fn failed(&mut self, ran: Duration, limits: &Limits) -> Next {
        if ran >= limits.healthy {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= limits.failures {
            return Next::GivenUp;
        }
        let times = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        Next::Again(limits.delay.saturating_mul(times).min(LATEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            memory: None,
            files: None,
            cpu: None,
            failures: 9,
            healthy: Duration::from_secs(60),
            delay: Duration::from_secs(1),
            grace: Duration::from_secs(10),
        }
    }

    #[test]
    fn waits_grow_to_a_minute_and_then_it_is_given_up() {
        let (mut course, limits) = (Course::default(), limits());
        let mut waits = Vec::new();
        while let Next::Again(wait) = course.after(Ended::Exited(1), Duration::from_secs(1), &limits) {
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(course.after(Ended::Killed(9), Duration::ZERO, &limits), Next::GivenUp);
        course.forgive();
        assert_eq!(course.not_started(&limits), Next::Again(Duration::from_secs(1)));
    }

    #[test]
    fn one_that_ran_well_begins_anew_and_one_that_ends_with_0_is_done() {
        let (mut course, limits) = (Course::default(), limits());
        for _ in 0..30 {
            let next = course.after(Ended::Killed(11), Duration::from_secs(60), &limits);
            assert_eq!(next, Next::Again(Duration::from_secs(1)));
        }
        assert_eq!(course.after(Ended::Exited(0), Duration::ZERO, &limits), Next::Done);
    }
}
