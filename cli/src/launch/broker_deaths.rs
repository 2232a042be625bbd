//! Deaths of children. An egressd is replaced; a keeper's death ends everything (INV-11).

use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::failure::{Failure, FailureClass};
use proto::standing::ChildKind;

use super::broker::{Broker, Phase};
use super::child::{Child, Heard, State};
use crate::typed;

/// Turns of listening to a child that is gone: more than a socket holds. It is counted, since another
/// process that it left its lane to could talk for ever.
const LAST_WORDS: usize = 16;

impl Broker {
    /// Takes every child out of the table whose process is gone.
    pub(super) fn bury_children(&mut self) {
        while let Some(place) = self.next_gone() {
            let (kind, generation) = match self.children.get(place) {
                Some(child) => (child.kind, child.generation),
                None => return,
            };
            self.hear_last_words(kind, generation);
            let mut child = self.children.remove(place);
            let how = child.reap().map_or_else(|| "no status".to_owned(), |status| status.to_string());
            match kind {
                ChildKind::Keeperd => self.keeper_died(child, &how),
                ChildKind::Egressd => self.egress_died(child, &how),
                ChildKind::Keychaind => self.keychain_died(child),
            }
        }
    }

    /// They may have come after the last look.
    fn hear_last_words(&mut self, kind: ChildKind, generation: u32) {
        for _ in 0..LAST_WORDS {
            if self.hear(kind, generation) == Heard::All {
                return;
            }
        }
    }

    /// The keeper first: an egressd that dies of the keeper's death is not to be replaced.
    fn next_gone(&self) -> Option<usize> {
        let gone = || self.children.iter().enumerate().filter(|(_, child)| is_gone(child));
        let keeper = gone().find(|(_, child)| child.kind == ChildKind::Keeperd);
        keeper.or_else(|| gone().next()).map(|(place, _)| place)
    }

    fn keeper_died(&mut self, mut child: Child, how: &str) {
        match (self.phase, child.failure.take()) {
            (Phase::Halting { .. }, None) => {}
            (
                Phase::Halting { .. } | Phase::Starting | Phase::Serving | Phase::Draining { .. },
                Some(failure),
            ) => {
                self.fail(typed::failure(self.home.mode(), failure));
            }
            (Phase::Starting | Phase::Serving | Phase::Draining { .. }, None) => self.fail(Failure::new(
                FailureClass::Bug,
                format!("keeperd has died ({how}), so the broker ends"),
                self.home.command("broker start"),
            )),
        }
    }

    fn egress_died(&mut self, mut child: Child, how: &str) {
        let generation = child.generation;
        match (self.phase, child.failure.take(), child.state) {
            // One that cannot even start once will not do so the next time.
            (Phase::Starting, Some(failure), _) => self.fail(failure),
            (Phase::Starting, None, _) => self.fail(Failure::new(
                FailureClass::Bug,
                format!("egressd has died at its start ({how})"),
                "UGENT_LOG=debug secret-broker shows more",
            )),
            (Phase::Serving, _, State::Draining) | (Phase::Halting { .. }, _, _) => {}
            (Phase::Serving, failure, State::Starting | State::Ready) => {
                let why = failure.map_or_else(|| how.to_owned(), |failure| failure.what);
                self.warn(&format!("egressd {generation} has died and is replaced ({why})"));
                if generation == self.newest_generation() {
                    self.respawn.plan(child.life(), Instant::now());
                }
            }
            (Phase::Draining { .. }, _, _) => self.halt_if_drained(),
        }
        self.tell_standing();
    }
}

fn is_gone(child: &Child) -> bool {
    let (process, _) = child.watched();
    let mut watched = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut watched, PollTimeout::ZERO), Ok(1..))
}
