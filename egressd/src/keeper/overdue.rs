//! When keeperd does not answer: asks are given up after a while, and until it is heard again no
//! other is put on the lane, which would only grow. Nothing here runs while nobody waits.

use std::time::{Duration, Instant};

use proto::lease_lane::LeaseRequest;

use super::{Answer, Keeper, KeeperState};

/// How long an ask waits. Longer than a disk that is busy takes to sync; a person who is asked has the
/// time keeperd names, besides.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than keeperd gives any person.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long a look whether keeperd answers may take.
const LOOK: Duration = Duration::from_secs(2);
/// How exactly both are kept.
const TICK: Duration = Duration::from_secs(1);

/// When an ask is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// keeperd judges it by itself.
    At(Instant),
    /// A person is asked, and the client may tire of it.
    ByPerson(Instant),
}

impl Due {
    pub(super) fn soon() -> Self {
        Self::At(Instant::now() + PATIENCE)
    }

    /// An ask that may take that long, and as long again as others to be answered then.
    pub(super) fn by_person(at_most_ms: u64) -> Self {
        Self::ByPerson(Instant::now() + Duration::from_millis(at_most_ms).min(LONGEST) + PATIENCE)
    }

    fn is_over(self, now: Instant) -> bool {
        let (Self::At(end) | Self::ByPerson(end)) = self;
        end <= now
    }
}

impl Keeper {
    /// What is known of keeperd, after having asked it.
    pub(crate) async fn probe(&self) -> KeeperState {
        match self.state() {
            state @ (KeeperState::Silent | KeeperState::Mute | KeeperState::Lost) => return state,
            KeeperState::Locked | KeeperState::Unlocked => {}
        }
        self.look();
        match tokio::time::timeout(LOOK, self.heard()).await {
            Ok(()) => self.state(),
            Err(_) => KeeperState::Mute,
        }
    }

    /// Gives up what is overdue, as long as anything waits.
    pub(super) async fn keep_watch(&self) {
        loop {
            self.0.asked.notified().await;
            while !self.0.waiting.borrow().is_empty() {
                tokio::time::sleep(TICK).await;
                self.give_up(Instant::now());
            }
        }
    }

    /// keeperd said something.
    pub(super) fn hear(&self) {
        self.0.mute.set(false);
    }

    /// keeperd said that its loop turns.
    pub(super) fn probed(&self, seq: u64) {
        if self.0.look.get() == Some(seq) {
            self.0.look.set(None);
            self.0.answered.notify_waiters();
        }
    }

    /// One at a time: whoever asks meanwhile waits for the same answer.
    fn look(&self) {
        if self.0.look.get().is_none() {
            let seq = self.next_seq();
            self.0.look.set(Some(seq));
            self.put(LeaseRequest::Probe { seq }, None);
        }
    }

    async fn heard(&self) {
        loop {
            // Made before the look, so that no answer in between is missed.
            let answered = self.0.answered.notified();
            if self.0.look.get().is_none() {
                return;
            }
            answered.await;
        }
    }

    fn give_up(&self, now: Instant) {
        let mut waiting = self.0.waiting.borrow_mut();
        let mut over = Vec::new();
        for (seq, ask) in waiting.iter() {
            match ask.due {
                due if due.is_over(now) => over.push((*seq, Answer::Overdue)),
                Due::ByPerson(_) if ask.cut.is_client_gone() => over.push((*seq, Answer::ClientGone)),
                Due::At(_) | Due::ByPerson(_) => {}
            }
        }
        let given_up: Vec<_> =
            over.into_iter().filter_map(|(seq, answer)| Some((waiting.remove(&seq)?, answer))).collect();
        drop(waiting);
        for (ask, answer) in given_up {
            if matches!(answer, Answer::Overdue) {
                // Until it is heard. What it says of these asks may be nothing, so it is asked.
                self.0.mute.set(true);
                self.look();
            }
            let _ = ask.answer.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_the_time_that_was_named_and_that_of_any_ask_besides() {
        let before = Instant::now();
        let (own, asked) = (Due::soon(), Due::by_person(60_000));
        assert!(!own.is_over(before) && own.is_over(Instant::now() + PATIENCE));
        assert!(!asked.is_over(before + Duration::from_secs(60)));
        assert!(asked.is_over(Instant::now() + Duration::from_secs(60) + PATIENCE));
        assert!(Due::by_person(u64::MAX).is_over(Instant::now() + LONGEST + PATIENCE), "nor is it for ever");
    }
}
