//! A broker of a world: `secret-broker` in the foreground, as a service manager runs it.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::World;
use super::census::Process;
use super::http::{Ask, Http};
use super::outcome::Outcome;
use super::running::Running;
use super::until::{seen, until, until_true};

/// A running broker. Killed when dropped, and then none of its processes may be left.
pub struct Broker<'w> {
    world: &'w World,
    launcher: Running,
}

impl<'w> Broker<'w> {
    /// Starts it and waits until that path answers 200.
    pub(super) fn start(world: &'w World, launcher: Running, ready: &str) -> Self {
        let mut broker = Self { world, launcher };
        until(&format!("the broker's {ready} answers 200"), || {
            assert!(
                !broker.launcher.ends_within(Duration::ZERO),
                "the broker ended at once: {}",
                broker.launcher.stderr()
            );
            (broker.status_of(ready) == Some(200)).then_some(())
        });
        broker
    }

    /// The launcher.
    #[must_use]
    pub const fn launcher(&self) -> &Running {
        &self.launcher
    }

    /// The one child of that name.
    ///
    /// # Panics
    /// If there is none in time.
    #[must_use]
    pub fn child(&self, name: &str) -> Process {
        until(&format!("there is a {name}"), || self.children().into_iter().find(|child| child.name == name))
    }

    /// All children.
    #[must_use]
    pub fn children(&self) -> Vec<Process> {
        Process::children(self.launcher.pid())
    }

    /// The status that path answers with, none if nobody answers.
    #[must_use]
    pub fn status_of(&self, path: &str) -> Option<u16> {
        let mut http = Http::tcp(self.world.port()).ok()?;
        Some(http.ask(&Ask::get(path)).ok()?.status)
    }

    /// Waits until that path answers so.
    pub fn wait_for_status(&self, path: &str, status: u16) {
        until_true(&format!("{path} answers {status}"), || self.status_of(path) == Some(status));
    }

    /// Waits until it takes no more connections.
    pub fn wait_for_no_answer(&self) {
        until_true("the broker takes no more", || {
            let answer = Http::tcp(self.world.port()).and_then(|mut http| {
                http.patience(Duration::from_millis(100))?;
                http.ask(&Ask::get("/healthz"))
            });
            answer.is_err()
        });
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.launcher.signal(signal);
    }

    /// Asks it to end and waits for that; none of its processes may be left then.
    #[must_use]
    pub fn stop(self) -> Outcome {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Waits for its end; none of its processes may be left then.
    #[must_use]
    pub fn ended(mut self) -> Outcome {
        let children = self.children();
        let outcome = self.launcher.outcome();
        for child in children {
            until_true(&format!("{} is gone with its launcher", child.name), || !child.lives());
        }
        outcome
    }
}

impl Drop for Broker<'_> {
    fn drop(&mut self) {
        if self.launcher.ends_within(Duration::ZERO) {
            return;
        }
        let children = self.children();
        self.signal(Signal::SIGKILL);
        self.launcher.ends_within(super::until::DEADLINE);
        for child in children {
            if seen(super::until::DEADLINE, || (!child.lives()).then_some(())).is_none() {
                let _ = kill(child.pid, Signal::SIGKILL);
                assert!(std::thread::panicking(), "{} outlives its launcher", child.name);
            }
        }
    }
}
