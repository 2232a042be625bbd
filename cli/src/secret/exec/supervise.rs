//! A program under this one, for as long as its output is masked or its time is limited. It is in our
//! process group, so that what a terminal says is said to both; what is said to us alone is passed on.
//! It stops, goes on and ends, and we with it, by the same signals.

use std::io::{Write, pipe, stderr, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::fstat;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use proto::failure::{Failure, FailureClass};

use super::program::{not_run, unfit};
use crate::ending::{Halt, Outcome};
use crate::hazmat::mask::{Ended, Patterns, Pump};
use crate::hazmat::start::{Program, Redirection, by_default};

/// The exit code after `--timeout`, as of timeout(1).
const TIMED_OUT: u8 = 124;
/// How long a program has from being told to end to being ended.
const GRACE: Duration = Duration::from_secs(10);

/// Signals that are passed on, or that mean something here.
const HEARD: [Signal; 11] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGCHLD,
];

/// Why it is watched, and what it is to have besides its environment.
pub(super) struct Watch {
    /// What is looked for in its output.
    pub(super) patterns: Option<Arc<Patterns>>,
    pub(super) timeout: Option<Duration>,
    /// Its soft limit of core files.
    pub(super) core: u64,
    pub(super) descriptors: Vec<i32>,
}

/// Runs it to its end, and ends as it did.
pub(super) fn run(program: Program, watch: Watch) -> Outcome {
    let failed = |error: Errno| unfit("signals", &error.into());
    // Whoever ignores the ends of children would never hear of this one's.
    by_default(Signal::SIGCHLD).map_err(failed)?;
    let heard: SigSet = HEARD.into_iter().collect();
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&heard), Some(&mut before)).map_err(failed)?;
    let signals =
        SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(failed)?;
    let streams = Streams::new(watch.patterns.as_ref())?;

    unix::surrender::cores_again(watch.core).map_err(|error| unfit("the limit of core files", &error))?;
    let started = program.spawn(&streams.redirections(), &watch.descriptors, &before);
    let limited = unix::surrender::cores_for_now();
    let child = started.map_err(not_run)?;
    // The values are the child's now.
    drop(program);
    limited.map_err(|error| unfit("the limit of core files", &error))?;

    let ends = streams.after_start();
    let mut watched = Watched {
        child,
        signals,
        heard,
        ends: watch.timeout.map(|time| Instant::now() + time),
        told: Told::Nothing,
    };
    let over = watched.until_over()?;
    // From here on a signal ends us as it would end anybody, also while a slow reader is waited for.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None).map_err(failed)?;
    let unwritten = ends.finish();
    end_as(over, watched.told, unwritten)
}

/// The streams of a child that pass through a filter.
struct Streams {
    /// The ends the child writes to, and where they are in it.
    theirs: Vec<(OwnedFd, &'static [i32])>,
    pumps: Vec<Pump>,
    /// Closed when the child is over.
    over: OwnedFd,
}

/// The same, once the child has its ends.
struct Flowing {
    pumps: Vec<Pump>,
    over: OwnedFd,
}

impl Streams {
    fn new(patterns: Option<&Arc<Patterns>>) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| unfit("its output", &error);
        let (reader, writer) = pipe().map_err(failed)?;
        let (is_over, over) = (Arc::new(OwnedFd::from(reader)), OwnedFd::from(writer));
        let mut streams = Self { theirs: Vec::new(), pumps: Vec::new(), over };
        let Some(patterns) = patterns else { return Ok(streams) };
        for (number, to) in masked().map_err(failed)? {
            let (from, theirs) = pipe().map_err(failed)?;
            streams.pumps.push(Pump::start(patterns, from.into(), to, &is_over)?);
            streams.theirs.push((theirs.into(), number));
        }
        Ok(streams)
    }

    fn redirections(&self) -> Vec<Redirection<'_>> {
        let each =
            self.theirs.iter().flat_map(|(to, numbers)| numbers.iter().map(move |number| (to, *number)));
        each.map(|(to, number)| Redirection { number, to: to.as_fd() }).collect()
    }

    /// Closes our copies of the child's ends, so that its end is the end of them.
    fn after_start(self) -> Flowing {
        Flowing { pumps: self.pumps, over: self.over }
    }
}

impl Flowing {
    /// Passes on the last of it. What others have that the child has left behind is read no more.
    fn finish(self) -> Option<std::io::Error> {
        drop(self.over);
        let ends: Vec<Ended> = self.pumps.into_iter().map(Pump::ended).collect();
        ends.into_iter().find_map(|end| match end {
            Ended::Whole | Ended::NobodyReads => None,
            Ended::Failed(error) => Some(error),
        })
    }
}

/// The streams that are no terminals, and where each goes. Two that go to the same place are one, or
/// what is written to them would change its order.
fn masked() -> std::io::Result<Vec<(&'static [i32], OwnedFd)>> {
    use std::io::IsTerminal;
    let (out, err) = (stdout(), stderr());
    let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    let mut masked: Vec<(&'static [i32], OwnedFd)> = Vec::new();
    match (out.is_terminal(), err.is_terminal()) {
        (true, true) => {}
        (false, true) => masked.push((&[1], copy(out.as_fd())?)),
        (true, false) => masked.push((&[2], copy(err.as_fd())?)),
        (false, false) => {
            let (one, other) = (fstat(out.as_fd())?, fstat(err.as_fd())?);
            if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino) {
                masked.push((&[1, 2], copy(out.as_fd())?));
            } else {
                masked.push((&[1], copy(out.as_fd())?));
                masked.push((&[2], copy(err.as_fd())?));
            }
        }
    }
    Ok(masked)
}

/// What a child was told because its time is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    ToEnd,
    Killed,
}

/// How a child ended.
#[derive(Clone, Copy)]
enum Over {
    Exited(i32),
    Killed(Signal),
}

struct Watched {
    child: Pid,
    signals: SignalFd,
    heard: SigSet,
    /// When its time is over.
    ends: Option<Instant>,
    told: Told,
}

impl Watched {
    fn until_over(&mut self) -> Result<Over, Failure> {
        loop {
            if let Some(over) = self.look()? {
                return Ok(over);
            }
            let left = self.ends.map(|end| end.saturating_duration_since(Instant::now()));
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                let rounded = left.min(Duration::from_secs(3600)) + Duration::from_micros(999);
                PollTimeout::try_from(rounded).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(unfit("signals", &error.into())),
            }
            while let Ok(Some(signal)) = self.signals.read_signal() {
                self.pass_on(signal.ssi_signo, signal.ssi_code);
            }
            self.mind_the_time();
        }
    }

    /// Whether the child has ended; where it has stopped, so do we.
    fn look(&self) -> Result<Option<Over>, Failure> {
        loop {
            match waitpid(self.child, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Exited(_, code)) => return Ok(Some(Over::Exited(code))),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Some(Over::Killed(signal))),
                Ok(WaitStatus::Stopped(_, signal)) => self.stop(signal),
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(WaitStatus::Continued(_) | WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_))
                | Err(Errno::EINTR) => {}
                Err(error) => {
                    let what = format!("the program could not be waited for: {error}");
                    return Err(Failure::new(FailureClass::Bug, what, ""));
                }
            }
        }
    }

    /// Stops as the child did, until somebody lets the job go on; then it does.
    fn stop(&self, signal: Signal) {
        let only: SigSet = [Signal::SIGTSTP].into_iter().collect();
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&only), None);
        let _ = raise(signal);
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&self.heard), None);
        let _ = kill(self.child, Signal::SIGCONT);
    }

    fn pass_on(&self, number: u32, code: i32) {
        let Some(signal) = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok()) else {
            return;
        };
        let is_terminals = code == libc::SI_KERNEL;
        if signal == Signal::SIGCHLD || (is_terminals && signal != Signal::SIGCONT) {
            // The whole group has heard of it.
            return;
        }
        // One that is gone already is found by `look`.
        let _ = kill(self.child, signal);
    }

    fn mind_the_time(&mut self) {
        if self.ends.is_none_or(|end| Instant::now() < end) {
            return;
        }
        let (signal, told, ends) = match self.told {
            Told::Nothing => (Signal::SIGTERM, Told::ToEnd, Some(Instant::now() + GRACE)),
            Told::ToEnd | Told::Killed => (Signal::SIGKILL, Told::Killed, None),
        };
        let _ = kill(self.child, signal);
        // A stopped one would hear of it only once it goes on.
        let _ = kill(self.child, Signal::SIGCONT);
        (self.told, self.ends) = (told, ends);
    }
}

fn end_as(over: Over, told: Told, unwritten: Option<std::io::Error>) -> Outcome {
    if told != Told::Nothing {
        let _ = writeln!(
            stderr(),
            "error: the program was ended after its time was over\nhint: a longer --timeout"
        );
        return Err(Halt::Said(TIMED_OUT));
    }
    match (over, unwritten) {
        (Over::Exited(0), Some(error)) => {
            let what = format!("output of the program could not be written: {error}");
            Err(Failure::new(FailureClass::Io, what, "make room where its output goes").into())
        }
        (Over::Exited(code), _) => Err(Halt::Said(u8::try_from(code & 255).unwrap_or(u8::MAX))),
        (Over::Killed(signal), _) => {
            let _ = by_default(signal);
            let only: SigSet = [signal].into_iter().collect();
            let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&only), None);
            let _ = raise(signal);
            // Only where this process may not be ended by it.
            Err(Halt::Said(128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or_default())))
        }
    }
}
