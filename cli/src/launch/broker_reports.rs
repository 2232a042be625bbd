//! What children say, and what comes of it. A child that says what it may not is ended (INV-09).

use std::io::stdout;

use proto::control_lane::{ControlOrder, ControlReport, LogLevel, Wish};
use proto::standing::ChildKind;

use super::broker::{Broker, Phase};
use super::child::{Child, Heard, State};
use super::outlet::Outlet;
use super::transports::{Table, TooLong};
use crate::addresses::{self, Keys};

/// A child said what it may not say.
struct Breach;

impl Broker {
    /// Writes to and reads from every child.
    pub(super) fn hear_children(&mut self) {
        let known: Vec<(ChildKind, u32)> =
            self.children.iter().map(|child| (child.kind, child.generation)).collect();
        for (kind, generation) in known {
            self.hear(kind, generation);
        }
    }

    /// A line of our own for the log.
    pub(super) fn warn(&self, text: &str) {
        self.say(LogLevel::Warn, "launcher", text);
    }

    /// Reads what one child has said, as much as it may say in one turn.
    pub(super) fn hear(&mut self, kind: ChildKind, generation: u32) -> Heard {
        let Some(child) = self.child(kind, generation) else {
            return Heard::All;
        };
        child.flush();
        let muttered = child.muttered();
        for line in muttered {
            self.say(LogLevel::Warn, kind.as_str(), &line);
        }
        let Some(child) = self.child(kind, generation) else {
            return Heard::All;
        };
        let (reports, heard) = match child.reports() {
            Ok(said) => said,
            Err(error) => {
                child.condemn();
                self.warn(&format!("{kind} {generation} is ended: {error}"));
                return Heard::All;
            }
        };
        for report in reports {
            let done = match kind {
                ChildKind::Keeperd => self.heard_keeper(report),
                ChildKind::Egressd => self.heard_egress(generation, report),
                ChildKind::Keychaind => self.heard_keychain(generation, report),
            };
            if let Err(Breach) = done {
                self.warn(&format!("{kind} {generation} is ended: it said what it may not say"));
                if let Some(child) = self.child(kind, generation) {
                    child.condemn();
                }
                return Heard::All;
            }
        }
        heard
    }

    fn heard_keeper(&mut self, report: ControlReport) -> Result<(), Breach> {
        match report {
            ControlReport::Confined(confinement) => {
                self.keeper().into_iter().for_each(|child| child.confinement = confinement.clone())
            }
            ControlReport::Transport(transport) => self.transports.transport(transport).map_err(too_long)?,
            ControlReport::Anchor { provider, der } => {
                self.transports.anchor(provider, der).map_err(too_long)?
            }
            ControlReport::TransportsEnd => match (self.transports.end(), self.phase) {
                // Nothing was started with the old one yet, unless it changed at once.
                (Table::Changed, Phase::Starting) if self.newest_generation() == 0 => {}
                (Table::Changed, Phase::Starting | Phase::Serving) => self.start_egress(),
                (Table::Changed, Phase::Draining { .. } | Phase::Halting { .. }) | (Table::Same, _) => {}
            },
            ControlReport::Ready { locked } => self.keeper_is_ready(locked),
            ControlReport::Unlocked => {
                self.locked = false;
                self.first_egress();
            }
            ControlReport::UnlockFailed(failure) => self.fail(failure),
            ControlReport::Wish(Wish::Stop) => self.told_to_end(),
            ControlReport::Log { level, text } => self.say(level, ChildKind::Keeperd.as_str(), &text),
            ControlReport::Stopped { failure } => {
                self.keeper().into_iter().for_each(|child| child.failure = failure.clone())
            }
            ControlReport::KeychainWanted => self.start_keychain(),
            ControlReport::KeychainStuck => self.end_keychain(),
            ControlReport::Verified(_) | ControlReport::VerifyFailed(_) => return Err(Breach),
        }
        Ok(())
    }

    fn heard_keychain(&mut self, generation: u32, report: ControlReport) -> Result<(), Breach> {
        let Some(child) = self.child(ChildKind::Keychaind, generation) else { return Ok(()) };
        match report {
            ControlReport::Confined(confinement) => child.confinement = confinement,
            ControlReport::Ready { .. } => {
                child.is_ready();
                self.tell_standing();
            }
            ControlReport::Stopped { failure } => child.failure = failure,
            // It has nothing to log, and what only a keeper may say.
            ControlReport::Log { .. }
            | ControlReport::Transport(_)
            | ControlReport::Anchor { .. }
            | ControlReport::TransportsEnd
            | ControlReport::Unlocked
            | ControlReport::UnlockFailed(_)
            | ControlReport::Verified(_)
            | ControlReport::VerifyFailed(_)
            | ControlReport::Wish(_)
            | ControlReport::KeychainWanted
            | ControlReport::KeychainStuck => return Err(Breach),
        }
        Ok(())
    }

    fn heard_egress(&mut self, generation: u32, report: ControlReport) -> Result<(), Breach> {
        match report {
            ControlReport::Confined(confinement) => {
                if let Some(child) = self.child(ChildKind::Egressd, generation) {
                    child.confinement = confinement;
                }
            }
            ControlReport::Ready { .. } => self.egress_is_ready(generation),
            ControlReport::Log { level, text } => self.say(level, ChildKind::Egressd.as_str(), &text),
            ControlReport::Stopped { failure } => {
                if let Some(child) = self.child(ChildKind::Egressd, generation) {
                    child.failure = failure;
                }
            }
            // What only a keeper may say.
            ControlReport::Transport(_)
            | ControlReport::Anchor { .. }
            | ControlReport::TransportsEnd
            | ControlReport::Unlocked
            | ControlReport::UnlockFailed(_)
            | ControlReport::Verified(_)
            | ControlReport::VerifyFailed(_)
            | ControlReport::Wish(_)
            | ControlReport::KeychainWanted
            | ControlReport::KeychainStuck => return Err(Breach),
        }
        Ok(())
    }

    fn keeper_is_ready(&mut self, locked: bool) {
        self.locked = locked;
        let passphrase = self.passphrase.take();
        let Some(keeper) = self.keeper() else {
            return;
        };
        keeper.is_ready();
        self.begin_exports();
        let Some(keeper) = self.keeper() else {
            return;
        };
        match passphrase {
            // It is handed on once, to a keeper that has said it is confined (INV-08).
            Some(passphrase) if keeper.is_confined() => {
                keeper.order(&ControlOrder::Unlock, Some(passphrase), Vec::new());
            }
            Some(_) => {
                keeper.condemn();
                self.warn("keeperd is ended: it has not said what confines it");
            }
            None => self.first_egress(),
        }
    }

    fn first_egress(&mut self) {
        if self.phase == Phase::Starting && self.newest_generation() == 0 {
            self.start_egress();
        }
    }

    /// The newest takes over; those before it finish what they have.
    fn egress_is_ready(&mut self, generation: u32) {
        if let Some(child) =
            self.child(ChildKind::Egressd, generation).filter(|child| child.state == State::Starting)
        {
            child.is_ready();
        }
        for child in &mut self.children {
            if child.kind == ChildKind::Egressd && child.generation < generation {
                child.drain();
            }
        }
        self.tell_standing();
        match self.phase {
            Phase::Starting => {
                self.phase = Phase::Serving;
                self.announce();
            }
            Phase::Serving | Phase::Halting { .. } => {}
            Phase::Draining { .. } => {
                if let Some(child) = self.child(ChildKind::Egressd, generation) {
                    child.drain();
                }
            }
        }
    }

    fn announce(&self) {
        self.notify.say("READY=1");
        let keys = Keys::from_locked(self.locked);
        let mut text = Vec::new();
        // Memory takes every write.
        let _ = addresses::print(&mut text, &self.home, &self.standing(), keys);
        let outlet = Outlet::to(stdout());
        for line in String::from_utf8_lossy(&text).lines() {
            // With nobody reading stdout the broker serves all the same.
            let _ = outlet.put(line);
        }
    }

    fn say(&self, level: LogLevel, process: &str, text: &str) {
        self.log.say(level, process, text);
    }

    fn child(&mut self, kind: ChildKind, generation: u32) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.kind == kind && child.generation == generation)
    }
}

fn too_long(TooLong: TooLong) -> Breach {
    Breach
}
