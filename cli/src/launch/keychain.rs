//! The keychain's helper, when keeperd wants one: there is at most one, it ends by itself when there is
//! nothing more to ask, and it is killed when keeperd says that it does not answer. What the launcher
//! starts here never sees a passphrase, and the launcher never what crosses its lane.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use proto::control_lane::ControlOrder;
use proto::standing::ChildKind;

use super::broker::{Broker, Phase};
use super::child::Child;

impl Broker {
    /// Starts a helper in the place of any before it, and gives keeperd its lane. Where none is to be
    /// had, keeperd gets a lane that is at its end, and need not wait.
    pub(super) fn start_keychain(&mut self) {
        match self.phase {
            Phase::Starting | Phase::Serving | Phase::Draining { .. } => {}
            Phase::Halting { .. } => return,
        }
        self.end_keychain();
        let (for_keeper, for_helper) = match UnixStream::pair() {
            Ok(pair) => pair,
            Err(error) => return self.warn(&format!("no lane for the keychain's helper: {error}")),
        };
        self.keychain_generation = self.keychain_generation.saturating_add(1);
        match Child::start(ChildKind::Keychaind, self.keychain_generation) {
            Ok(mut helper) => {
                let start = ControlOrder::StartKeychain(self.keychain.clone());
                helper.order(&start, None, vec![OwnedFd::from(for_helper)]);
                self.children.push(helper);
            }
            Err(failure) => {
                drop(for_helper);
                self.warn(&failure.what);
            }
        }
        if let Some(keeper) = self.keeper() {
            keeper.order(&ControlOrder::NewKeychain, None, vec![OwnedFd::from(for_keeper)]);
        }
    }

    /// Kills the helper: it holds nothing that is not the keychain's as well.
    pub(super) fn end_keychain(&mut self) {
        for helper in self.children.iter_mut().filter(|child| child.kind == ChildKind::Keychaind) {
            helper.condemn();
        }
    }

    /// A helper is gone: as it should, or for a reason that is worth a line.
    pub(super) fn keychain_died(&mut self, mut helper: Child) {
        if let Some(failure) = helper.failure.take() {
            self.warn(&failure.what);
        }
        self.tell_standing();
    }
}
