//! Trying a passphrase: counted in the catalog before it is tried, and forgotten with a right one.
//! Who kills the keeper while it derives the key, or before it can answer, has used up a try all the
//! same. Where a try cannot be counted, none is made.

use proto::failure::{Failure, FailureClass};
use proto::meta::Timestamp;

use super::Store;
use crate::catalog::{Tries, tables};
use crate::clock::wall;

impl Store {
    /// Makes one try, if it is time for one. The attempt fails with [`FailureClass::Refused`] where
    /// the passphrase was wrong, and only there.
    ///
    /// # Errors
    /// [`FailureClass::TryAgain`], at no cost, before it is time; else as the attempt.
    pub(in crate::store) fn try_passphrase<T>(
        &mut self,
        attempt: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let before = self.time_for_a_try(wall())?;
        self.count(before.one_more(wall()))?;
        let tried = attempt(self);
        let after = match &tried {
            Ok(_) => Tries::NONE,
            Err(failure) if failure.class == FailureClass::Refused => return tried,
            // It was not the passphrase.
            Err(_) => before,
        };
        // If this fails, one try too many is counted: that ends with the next one that is right.
        let _ = self.count(after);
        tried
    }

    fn time_for_a_try(&mut self, now: Timestamp) -> Result<Tries, Failure> {
        let tries = self.catalog.look(tables::tries)?;
        let Some(wait) = tries.wait(now) else { return Ok(tries) };
        if tries.is_ahead(now) {
            self.count(Tries { last: now, ..tries })?;
        }
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Err(Failure::new(
            FailureClass::TryAgain,
            format!(
                "the passphrase was not tried: {} wrong ones came before, so the next try is in {secs} s",
                tries.failed
            ),
            format!("wait {secs} s, and try again"),
        ))
    }

    fn count(&mut self, tries: Tries) -> Result<(), Failure> {
        self.catalog.change(|write| tables::put_tries(write, tries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{made, reopen};
    use super::*;
    use crate::hazmat::samples::secret;

    fn set(store: &mut Store, failed: u32, last: u64) {
        store.count(Tries { failed, last: Timestamp(last) }).unwrap();
    }

    fn class<T>(result: Result<T, Failure>) -> Option<FailureClass> {
        result.err().map(|failure| failure.class)
    }

    #[test]
    fn wrong_ones_are_counted_across_keepers_and_the_right_one_clears_them() {
        let mut made = made();
        for _ in 0..2 {
            let wrong = made.store.check_passphrase(&secret(b"open barley"));
            assert_eq!(class(wrong), Some(FailureClass::Refused));
        }
        let (_dir, mut store, _) = reopen(made);
        let failure = store.unlock(Some(secret(b"open sesame"))).err().unwrap();
        assert_eq!(failure.class, FailureClass::TryAgain);
        assert!(failure.what.contains("2 wrong ones") && failure.hint.contains("1 s"), "{failure}");
        assert_eq!(store.catalog.look(tables::tries).unwrap().failed, 2, "what is not tried does not count");
        set(&mut store, 2, 0);
        assert!(store.unlock(Some(secret(b"open sesame"))).is_ok());
        assert_eq!(store.catalog.look(tables::tries).unwrap(), Tries::NONE);
    }

    #[test]
    fn a_try_counts_before_its_outcome_is_known_and_what_was_not_the_passphrase_does_not() {
        let mut made = made();
        let failed = made.store.try_passphrase(|store| {
            assert_eq!(store.catalog.look(tables::tries).unwrap().failed, 1);
            Err::<(), _>(Failure::new(FailureClass::Io, "", ""))
        });
        assert_eq!(class(failed), Some(FailureClass::Io));
        assert_eq!(made.store.catalog.look(tables::tries).unwrap(), Tries::NONE);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let mut made = made();
        set(&mut made.store, 20, u64::MAX);
        assert_eq!(class(made.store.check_passphrase(&secret(b"open sesame"))), Some(FailureClass::TryAgain));
        let now = wall();
        let tries = made.store.catalog.look(tables::tries).unwrap();
        assert!(tries.last <= now, "from now on the wait runs down");
        set(&mut made.store, 20, now.0 - 60_000);
        assert!(made.store.check_passphrase(&secret(b"open sesame")).is_ok());
    }
}
