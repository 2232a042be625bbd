//! The main thread: takes one question after the other from the keeper's lane, has it answered, and
//! ends when none comes for a while, or when keeper or launcher are gone. It never waits for the
//! keychain, so that a frozen one does not keep it alive.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::control_lane::ControlReport;
use proto::failure::{Failure, FailureClass};
use proto::hello::{Hello, LaneKind};
use proto::keychain_lane::{KeychainAnswer, KeychainRequest, Trouble};
use unix::lane::{Flushed, Lane, LaneError, Parcel, Received};
use unix::wash;

use crate::confine::Confined;
use crate::worker::Worker;

/// Nothing was asked for so long: what the libraries have left in memory is to go.
const IDLE: Duration = Duration::from_secs(2);
/// How long a peer may take to take what is sent to it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How deep a turn's calls get with a value, and more.
const WASHED: usize = 16 * 1024;

/// What the keeper is owed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has not said Hello.
    Greeting,
    /// Nothing: it may ask.
    Theirs,
    /// An answer.
    Ours,
}

/// Serves until there is nothing more to do.
pub(crate) fn serve(
    control: &mut Lane,
    asked: Lane,
    worker: Worker,
    confined: &Confined,
) -> Result<(), Failure> {
    report(control, &ControlReport::Confined(confined.confinement().clone()))?;
    report(control, &ControlReport::Ready { locked: false })?;
    let mut desk = Desk { asked, worker, turn: Turn::Greeting };
    let served = desk.attend(control);
    // Before the last report: whoever hears of the end finds the lane ended.
    drop(desk);
    let failure = served.as_ref().err().cloned();
    let _ = report(control, &ControlReport::Stopped { failure });
    served
}

struct Desk {
    asked: Lane,
    worker: Worker,
    turn: Turn,
}

impl Desk {
    fn attend(&mut self, control: &Lane) -> Result<(), Failure> {
        self.asked.push(&Hello::ours(LaneKind::Keychain), None).map_err(|error| broken(&error))?;
        self.write()?;
        let mut idle = Instant::now() + IDLE;
        loop {
            let left = match self.turn {
                Turn::Ours => None,
                Turn::Greeting | Turn::Theirs => Some(idle.saturating_duration_since(Instant::now())),
            };
            if left.is_some_and(|left| left.is_zero()) || self.wait(control, left)? {
                return Ok(());
            }
            if let Some((answer, value)) = self.worker.reply() {
                self.turn = Turn::Theirs;
                idle = Instant::now() + IDLE;
                let is_over = is_over(&answer);
                self.asked.push(&answer, value).map_err(|error| broken(&error))?;
                self.write()?;
                if is_over {
                    return Ok(());
                }
            }
            if self.read()? {
                return Ok(());
            }
        }
    }

    /// Sleeps until something happens; whether the launcher is gone, or has no more use for this.
    fn wait(&self, control: &Lane, left: Option<Duration>) -> Result<bool, Failure> {
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.worker.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.asked.as_fd(), PollFlags::POLLIN),
        ];
        // What was copied to be sent must not be what this thread sleeps with.
        wash::stack::<WASHED>();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                let what = format!("keychaind cannot wait for its lanes: {error}");
                return Err(Failure::new(FailureClass::Bug, what, ""));
            }
        }
        // There is nothing it could be told now but to end.
        Ok(fds.first().is_some_and(|fd| fd.any().unwrap_or_default()))
    }

    /// Reads what the keeper has sent; whether it is gone.
    fn read(&mut self) -> Result<bool, Failure> {
        let received = self.asked.receive().map_err(|error| broken(&error))?;
        if self.turn == Turn::Greeting
            && let Some(Parcel { message, .. }) =
                self.asked.take::<Hello>().map_err(|error| broken(&error))?
        {
            if !message.fits(LaneKind::Keychain) {
                return Err(broken(&LaneError::Hello));
            }
            self.turn = Turn::Theirs;
        }
        if self.turn == Turn::Theirs
            && let Some(parcel) = self.asked.take::<KeychainRequest>().map_err(|error| broken(&error))?
        {
            self.turn = Turn::Ours;
            self.worker.ask(parcel.message, parcel.value);
        }
        Ok(received == Received::Closed)
    }

    fn write(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.asked.flush().map_err(|error| broken(&error))? == Flushed::Blocked {
            let mut fds = [PollFd::new(self.asked.as_fd(), PollFlags::POLLOUT)];
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            if poll(&mut fds, timeout) == Ok(0) {
                return Err(broken(&LaneError::Deadline));
            }
        }
        Ok(())
    }
}

/// After some answers another process begins anew, with another session.
fn is_over(answer: &KeychainAnswer) -> bool {
    match answer {
        KeychainAnswer::Failed(trouble) => match trouble {
            Trouble::NoBus | Trouble::NoService | Trouble::Refused => true,
            Trouble::NoCollection
            | Trouble::Locked
            | Trouble::NotUnlocked
            | Trouble::Missing
            | Trouble::Ambiguous
            | Trouble::NoRoom => false,
        },
        KeychainAnswer::Open
        | KeychainAnswer::Got
        | KeychainAnswer::Kept
        | KeychainAnswer::Deleted
        | KeychainAnswer::Listed { .. }
        | KeychainAnswer::Unlocked => false,
    }
}

fn report(control: &mut Lane, report: &ControlReport) -> Result<(), Failure> {
    let sent = control.send(report, None, Vec::new(), Instant::now() + PATIENCE);
    sent.map_err(|error| broken(&error))
}

fn broken(error: &LaneError) -> Failure {
    Failure::new(FailureClass::Bug, format!("a lane of keychaind broke: {error}"), "")
}
