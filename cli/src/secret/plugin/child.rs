//! One plugin: how it is, what starts it, and what ends it. It leads a process group of its own, so that a
//! terminal's signals are for us alone, and what it leaves behind goes with it. Its values are in its
//! environment, and here only as what its output is searched for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use proto::failure::{Failure, FailureClass};
use proto::name::Handle;

use super::course::{Course, Ended, Next};
use super::file::{OnRotate, Plugin};
use super::lender::Wish;
use super::process::{Ending, Outputs, Running, Then};
use super::standing::{Held, Standing};
use crate::clock;
use crate::hazmat::mask::{Pump, SHORTEST};
use crate::secret::exec::lent::Value;

/// A plugin that is looked after.
pub(super) struct Child {
    pub(super) plugin: Plugin,
    pub(super) state: State,
    course: Course,
    held: Held,
    outputs: Outputs,
    core: u64,
    starts: u32,
    /// Streams of processes that are over, while somebody still reads them.
    leaving: Vec<Pump>,
}

/// How it is.
pub(super) enum State {
    /// To be started, then.
    Waiting(Instant),
    /// Its values were asked for.
    Asking,
    Running(Running),
    /// It may not have a value.
    Refused(Failure),
    /// It has failed too often.
    GivenUp,
    /// It has ended by itself, or we have ended it.
    Done,
}

impl Child {
    pub(super) fn new(plugin: Plugin, held: Held, outputs: Outputs, core: u64) -> Self {
        let (course, state) = (Course::default(), State::Waiting(Instant::now()));
        Self { plugin, state, course, held, outputs, core, starts: 0, leaving: Vec::new() }
    }

    /// What it asks for, if it is time.
    pub(super) fn wish(&mut self, number: usize, now: Instant) -> Option<Wish> {
        if !matches!(self.state, State::Waiting(then) if then <= now) {
            return None;
        }
        self.state = State::Asking;
        self.tell("starting", None);
        let mut handles: Vec<Handle> = self.plugin.secrets.iter().map(|(_, handle)| handle.clone()).collect();
        handles.sort();
        handles.dedup();
        Some(Wish::Lend { plugin: number, consumer: self.plugin.consumer.clone(), handles })
    }

    /// Starts it, or says why not.
    pub(super) fn lent(&mut self, result: Result<Vec<Value>, Failure>, mask: &SigSet) {
        // It was told to stay meanwhile.
        if !matches!(self.state, State::Asking) {
            return;
        }
        match result.and_then(|values| self.start(&values, mask)) {
            Ok(running) => {
                self.say(&format!("started (pid {})", running.pid));
                self.state = State::Running(running);
                self.tell("running", None);
            }
            Err(failure) => self.not_started(failure),
        }
    }

    /// It has ended, and was waited for.
    pub(super) fn ended(&mut self, ended: Ended) {
        let State::Running(running) = std::mem::replace(&mut self.state, State::Done) else { return };
        let Running { since, pumps, over, ending, .. } = running;
        // What it has written by now is passed on; what others have that it has left behind is not.
        drop(over);
        self.leaving.retain(|pump| !pump.is_over());
        self.leaving.extend(pumps);
        let how = match ended {
            Ended::Exited(code) => format!("ended with code {code}"),
            Ended::Killed(signal) => format!("was ended by signal {signal}"),
        };
        match ending.map(|ending| ending.then) {
            Some(Then::Stay) => {
                self.say(&how);
                self.tell("done", None);
            }
            Some(Then::Start) => {
                self.say(&format!("{how}, and starts again"));
                self.state = State::Waiting(Instant::now());
                self.tell("waiting", None);
            }
            None => {
                let next = self.course.after(ended, since.elapsed(), &self.plugin.limits);
                self.go_on(next, &how);
            }
        }
    }

    /// Tells it to end, unless it was told already.
    pub(super) fn end(&mut self, then: Then) {
        let grace = self.plugin.limits.grace;
        match &mut self.state {
            State::Running(running) => match &mut running.ending {
                Some(ending) => ending.then = if then == Then::Stay { then } else { ending.then },
                None => {
                    running.ending = Some(Ending { then, kill_at: Some(Instant::now() + grace) });
                    running.signal(Signal::SIGTERM);
                    // A stopped one would hear of it only once it goes on.
                    running.signal(Signal::SIGCONT);
                    self.tell("stopping", None);
                }
            },
            State::Waiting(_) | State::Asking if then == Then::Stay => {
                self.state = State::Done;
                self.tell("done", None);
            }
            State::Waiting(_) | State::Asking | State::Refused(_) | State::GivenUp | State::Done => {}
        }
    }

    /// Kills it, if its time to end is over, or at once.
    pub(super) fn kill(&mut self, now: Option<Instant>) {
        let State::Running(running) = &mut self.state else { return };
        let is_due = match (&running.ending, now) {
            (Some(ending), Some(now)) => ending.kill_at.is_some_and(|then| then <= now),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !is_due {
            return;
        }
        running.signal(Signal::SIGKILL);
        running.ending.iter_mut().for_each(|ending| ending.kill_at = None);
        self.say("does not end, and is killed");
    }

    /// Tries it anew, if it was refused or given up.
    pub(super) fn forgive(&mut self) {
        if matches!(self.state, State::Refused(_) | State::GivenUp) {
            self.course.forgive();
            self.state = State::Waiting(Instant::now());
        }
    }

    /// Ends it to start again, if one of its values has a new version.
    pub(super) fn look_at(&mut self, now: &BTreeMap<Handle, u32>) {
        let State::Running(running) = &self.state else { return };
        let is_new = |(handle, version): (&Handle, &u32)| now.get(handle).is_some_and(|now| now != version);
        if running.ending.is_none() && running.versions.iter().any(is_new) {
            self.say("has a secret with a new version, and starts again");
            self.end(Then::Start);
        }
    }

    /// The secrets whose versions matter to it just now.
    pub(super) fn watched(&self) -> Vec<Handle> {
        match (&self.state, self.plugin.on_rotate) {
            (State::Running(running), OnRotate::Restart) => running.versions.keys().cloned().collect(),
            (_, OnRotate::Restart | OnRotate::Nothing) => Vec::new(),
        }
    }

    /// When something is to be done with it, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(then) => Some(*then),
            State::Running(running) => running.ending.as_ref().and_then(|ending| ending.kill_at),
            State::Asking | State::Refused(_) | State::GivenUp | State::Done => None,
        }
    }

    /// Whether anything is still to come of it.
    pub(super) const fn is_alive(&self) -> bool {
        matches!(self.state, State::Waiting(_) | State::Asking | State::Running(_))
    }

    /// Whether all that it has written was passed on.
    pub(super) fn is_quiet(&self) -> bool {
        self.leaving.iter().all(Pump::is_over)
    }

    fn not_started(&mut self, failure: Failure) {
        match failure.class {
            // As the broker is just now: another time it may be another.
            FailureClass::TryAgain | FailureClass::Unreachable | FailureClass::Io => {
                let next = self.course.not_started(&self.plugin.limits);
                self.go_on(next, &failure.what);
            }
            FailureClass::Usage
            | FailureClass::BadInput
            | FailureClass::Bug
            | FailureClass::Refused
            | FailureClass::Config => {
                self.say(&format!("not started: {}", failure.what));
                for line in failure.hint.lines() {
                    self.say(&format!("  {line}"));
                }
                self.tell("refused", Some(&failure.what));
                self.state = State::Refused(failure);
            }
        }
    }

    fn go_on(&mut self, next: Next, how: &str) {
        match next {
            Next::Done => {
                self.say(how);
                self.tell("done", None);
            }
            Next::Again(wait) => {
                self.say(&format!("{how}; starts again in {}", shown(wait)));
                self.state = State::Waiting(Instant::now() + wait);
                self.tell("waiting", Some(how));
            }
            Next::GivenUp => {
                self.say(&format!("{how}; given up after {} failures in a row", self.plugin.limits.failures));
                self.state = State::GivenUp;
                self.tell("given up", Some(how));
            }
        }
    }

    fn start(&mut self, values: &[Value], mask: &SigSet) -> Result<Running, Failure> {
        for short in values.iter().filter(|value| value.value.len() < SHORTEST) {
            self.say(&format!("warning: the value of {} is too short to be masked", short.handle));
        }
        self.starts = self.starts.saturating_add(1);
        Running::start(&self.plugin, values, &self.outputs, self.core, mask)
    }

    /// A line about it, where plugins write their errors.
    fn say(&self, what: &str) {
        let _ = self.outputs.err.line(format!("plugin {}: {what}\n", self.plugin.id).as_bytes());
    }

    fn tell(&self, state: &str, why: Option<&str>) {
        let pid = match &self.state {
            State::Running(running) => Some(running.pid.as_raw()),
            State::Waiting(_) | State::Asking | State::Refused(_) | State::GivenUp | State::Done => None,
        };
        self.held.tell(&Standing {
            state: state.to_owned(),
            pid,
            supervisor: std::process::id(),
            since: clock::seconds(clock::now()),
            starts: self.starts,
            why: why.map(str::to_owned),
        });
    }
}

fn shown(wait: Duration) -> String {
    match wait.as_secs() {
        0 => format!("{} ms", wait.as_millis()),
        seconds => format!("{seconds} s"),
    }
}
