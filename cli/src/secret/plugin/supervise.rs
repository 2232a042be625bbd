//! Looks after plugins: one loop that waits for signals, for what the lender has to tell, and for the next
//! time something is due. It never waits for keeperd or for who reads the output. When it is told to end, it
//! ends plugins one after the other, the last first, and kills what does not end in time.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;
use unix::wash;

use super::child::{Child, State};
use super::course::Ended;
use super::lender::{Lender, News, Wish};
use super::process::Then;
use crate::ending::Outcome;
use crate::hazmat::start::by_default;
use crate::session::Session;

/// Between two looks at versions.
const LOOK: Duration = Duration::from_secs(2);
/// The most that all plugins together get to end in.
const TOGETHER: Duration = Duration::from_secs(60);
/// How long the last output is waited for.
const LAST: Duration = Duration::from_secs(2);
/// The longest wait for anything.
const LONGEST: Duration = Duration::from_secs(3600);

/// Signals that mean something here.
const HEARD: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGCHLD];

/// All plugins, and who looks after them.
pub(super) struct Supervisor {
    children: Vec<Child>,
    lender: Lender,
    signals: SignalFd,
    /// What signals were like before, for those that are started.
    before: SigSet,
    /// When versions are looked at next; none while that is asked.
    look: Option<Instant>,
    phase: Phase,
}

/// Whether it is to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Until then.
    Ending(Instant),
    /// Everything was killed.
    Killed,
}

impl Supervisor {
    pub(super) fn new(children: Vec<Child>, session: Session) -> Result<Self, Failure> {
        let failed =
            |error: Errno| Failure::new(FailureClass::Io, format!("signals cannot be heard: {error}"), "");
        by_default(Signal::SIGCHLD).map_err(failed)?;
        let heard: SigSet = HEARD.into_iter().collect();
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&heard), Some(&mut before)).map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&heard, flags).map_err(failed)?;
        // Threads take after us: none of them is to hear what is for the loop.
        let lender = Lender::start(session)?;
        let look = Some(Instant::now() + LOOK);
        Ok(Self { children, lender, signals, before, look, phase: Phase::Serving })
    }

    /// Until none of them is left, or somebody ends us.
    pub(super) fn run(mut self) -> Outcome {
        while self.children.iter().any(Child::is_alive) {
            let now = Instant::now();
            self.do_what_is_due(now);
            self.wait(now)?;
            while let Ok(Some(signal)) = self.signals.read_signal() {
                if let Some(signal) =
                    i32::try_from(signal.ssi_signo).ok().and_then(|n| Signal::try_from(n).ok())
                {
                    self.hear(signal);
                }
            }
            self.reap();
        }
        let until = Instant::now() + LAST;
        while !self.children.iter().all(Child::is_quiet) && Instant::now() < until {
            crate::pause::pause(Duration::from_millis(10));
        }
        self.verdict()
    }

    fn do_what_is_due(&mut self, now: Instant) {
        match self.phase {
            Phase::Serving => {
                for (number, child) in self.children.iter_mut().enumerate() {
                    if let Some(wish) = child.wish(number, now) {
                        self.lender.ask(wish);
                    }
                }
                self.look_at_versions(now);
            }
            Phase::Ending(until) if until <= now => self.kill_all(),
            // One after the other, the last first.
            Phase::Ending(_) => {
                self.start_no_more();
                if let Some(last) = self.children.iter_mut().rev().find(|child| child.is_alive()) {
                    last.end(Then::Stay);
                }
            }
            Phase::Killed => self.start_no_more(),
        }
        self.children.iter_mut().for_each(|child| child.kill(Some(now)));
    }

    fn look_at_versions(&mut self, now: Instant) {
        if self.look.is_none_or(|then| now < then) {
            return;
        }
        let mut handles: Vec<Handle> = self.children.iter().flat_map(Child::watched).collect();
        handles.sort();
        handles.dedup();
        self.look = if handles.is_empty() {
            Some(now + LOOK)
        } else {
            self.lender.ask(Wish::Versions { handles });
            None
        };
    }

    fn wait(&mut self, now: Instant) -> Result<(), Failure> {
        let own = match self.phase {
            Phase::Serving => self.look,
            Phase::Ending(until) => Some(until),
            Phase::Killed => None,
        };
        let next = self.children.iter().filter_map(Child::deadline).chain(own).min();
        let left = next.map_or(LONGEST, |next| next.saturating_duration_since(now).min(LONGEST));
        // What was started was given values: they must not be what this thread sleeps with.
        wash::registers();
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut both = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.lender.bell.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                let what = format!("it cannot be waited for plugins: {error}");
                return Err(Failure::new(FailureClass::Bug, what, ""));
            }
        }
        let [_, bell] = &both;
        if bell.any() == Some(true) {
            let _ = self.lender.bell.read(&mut [0; 64]);
            while let Some(news) = self.lender.news() {
                self.take(news);
            }
        }
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Lent { plugin, result } => {
                if let Some(child) = self.children.get_mut(plugin) {
                    child.lent(result, &self.before);
                }
            }
            News::Versions(found) => {
                self.children
                    .iter_mut()
                    .filter(|child| !child.watched().is_empty())
                    .for_each(|child| child.look_at(&found));
                self.look = Some(Instant::now() + LOOK);
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "signals are the kernel's, and no others were asked for"
    )]
    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::SIGCHLD => {}
            Signal::SIGHUP => self.children.iter_mut().for_each(Child::forgive),
            _ => match self.phase {
                Phase::Serving => self.phase = Phase::Ending(Instant::now() + TOGETHER),
                Phase::Ending(_) | Phase::Killed => self.kill_all(),
            },
        }
    }

    fn start_no_more(&mut self) {
        let waits = |child: &&mut Child| matches!(child.state, State::Waiting(_) | State::Asking);
        self.children.iter_mut().filter(waits).for_each(|child| child.end(Then::Stay));
    }

    fn kill_all(&mut self) {
        self.phase = Phase::Killed;
        for child in &mut self.children {
            child.end(Then::Stay);
            child.kill(None);
        }
    }

    /// Takes the ends of those that have ended, and ends what they have left in their groups: before they
    /// are waited for, so that the group's number is still theirs.
    fn reap(&mut self) {
        for child in &mut self.children {
            let State::Running(running) = &child.state else { continue };
            let pid = running.pid;
            let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            match waitid(Id::Pid(pid), look) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {}
                Ok(_) | Err(_) => continue,
            }
            let _ = killpg(pid, Signal::SIGKILL);
            let ended = match waitpid(pid, None) {
                Ok(WaitStatus::Exited(_, code)) => Ended::Exited(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Killed(signal as i32),
                Ok(_) | Err(_) => Ended::Killed(0),
            };
            child.ended(ended);
        }
    }

    /// What somebody should hear of who looks at the exit code alone.
    fn verdict(self) -> Outcome {
        if self.phase != Phase::Serving {
            return Ok(());
        }
        let (mut refused, mut given_up) = (Vec::new(), Vec::new());
        for child in &self.children {
            match &child.state {
                State::Refused(failure) => refused.push((child.plugin.id.as_str(), failure)),
                State::GivenUp => given_up.push(child.plugin.id.as_str()),
                State::Waiting(_) | State::Asking | State::Running(_) | State::Done => {}
            }
        }
        if let Some((_, first)) = refused.first() {
            let ids: Vec<&str> = refused.iter().map(|(id, _)| *id).collect();
            let what = format!("no plugin runs any more; not started: {}", ids.join(", "));
            return Err(
                Failure::new(first.class, what, "why is said above; then: ugent secret plugin run").into()
            );
        }
        if !given_up.is_empty() {
            let what = format!("no plugin runs any more; given up: {}", given_up.join(", "));
            return Err(Failure::new(FailureClass::TryAgain, what, "see what they have written above").into());
        }
        Ok(())
    }
}
